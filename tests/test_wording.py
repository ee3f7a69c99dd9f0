"""Words for people: lists that say how much they leave out, the name that was meant, sizes read and written."""

from __future__ import annotations

import pytest
from zif.wording import beyond, did_you_mean, listed, parsed_size, size, tally


@pytest.mark.parametrize(
    ("names", "text"),
    [("", ""), ("a", "a"), ("ab", "a, b"), ("abc", "a, b …"), ("abcd", "a, b …")],
)
def test_a_list_ends_where_it_is_too_long(names: str, text: str) -> None:
    assert listed(iter(names), 2) == text


def test_a_list_may_say_how_many_it_leaves_out() -> None:
    assert listed("abcd", 2, " and {} more") == "a, b and 2 more"
    assert listed(["x {}", "y"], 1, "\n  … and {} more", "\n") == "x {}\n  … and 1 more"
    assert (beyond(5, 5, "rows"), beyond(7, 5, "rows")) == ("", "… and 2 more rows")
    assert tally({"Conv": 3, "Relu": 1, "Add": 2}, 2) == "Conv × 3, Add × 2, 1 more"


def test_the_name_that_was_meant() -> None:
    assert did_you_mean("refrence", ["qnn_cpu", "reference"]) == " Did you mean 'reference'?"
    assert did_you_mean("nonsense", ["qnn_cpu", "reference"]) == ""
    shown = {"sm8650": "gen-3", "sm8651": "gen-3", "sm8550": "gen-2"}.__getitem__
    assert did_you_mean("sm8655", ["sm8650", "sm8651", "sm8550"], 3, shown) == " Did you mean gen-3 or gen-2?"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4096", 4096),
        ("64M", 64 << 20),
        (" 1.5 GiB ", 3 << 29),
        ("20gb", 20 << 30),
        (".5k", 512),
        ("2T", 2 << 40),
        ("0", 0),
    ],
)
def test_a_size_as_people_write_it(text: str, value: int) -> None:
    assert parsed_size(text) == value


@pytest.mark.parametrize("text", ["", "M", "1.5.2", "-1", "1e9", "64X", "٣M", "1" * 16])
def test_what_is_no_size(text: str) -> None:
    assert parsed_size(text) is None


def test_a_size_that_was_written_is_read() -> None:
    assert [parsed_size(size(value)) for value in (512, 1536, 3 << 20, 5 << 30)] == [512, 1536, 3 << 20, 5 << 30]
