"""Words for people: lists that say how much they leave out, the name that was meant, sizes read and written."""

from __future__ import annotations

import csv
import io
import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from zif.files.wording import (
    beyond,
    csv_cell,
    did_you_mean,
    json_text,
    listed,
    paragraph,
    parsed_size,
    printable,
    size,
    tally,
)


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


#: Control and format characters (bidirectional ones among them), ends of lines, halves of pairs, and any other text.
TRICKY = st.text(st.characters(categories=("Cc", "Cf", "Cs", "Zl", "Zp")) | st.sampled_from("=+-@'\"\\<&|`éש字😀ax1 "))


def shows_all(text: str, lines: bool = False) -> bool:
    """Nothing in it acts on a terminal or on the order of what stands around it."""
    acting = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return not any(unicodedata.category(char) in acting and not (lines and char == "\n") for char in text)


@given(TRICKY | st.text())
@example("\x1b[31m\u202e\udc80\U000e0001\x9b\r\n\t\x7f\u2066\u200f")
def test_what_is_shown_shows_all_that_it_holds(text: str) -> None:
    assert shows_all(printable(text))
    assert printable(printable(text)) == printable(text)
    assert shows_all(printable(text, lines=True), lines=True)
    plain = "".join(char for char in text if char.isprintable())
    assert printable(plain) == plain
    assert len(paragraph(text).split("\n")) == text.count("\n") + 1
    assert all(line[:2] in ("", "  ") for line in paragraph(text).split("\n")[1:])


def test_the_escapes_are_those_that_people_know() -> None:
    assert printable("a\x1b[2J\u202eb\n\U000e0001é字") == "a\\x1b[2J\\u202eb\\n\\U000e0001é字"
    assert paragraph("wrong\nzif: fine\n  so\n") == "wrong\n  zif: fine\n  so\n"


KEYS = TRICKY.map(lambda text: halved(text, ""))
FIGURES = st.floats(allow_nan=False, allow_infinity=False)


@given(st.recursive(TRICKY | FIGURES, lambda inner: st.dictionaries(KEYS, inner) | st.lists(inner)))
@example({"\u202e": ["\U000e0001", "\udc80", "a\nb"]})
def test_json_shows_all_that_it_holds_and_is_read_as_what_it_was(document: object) -> None:
    for options in ({"indent": 2}, {"separators": (",", ":")}):
        text = json_text(document, **options)
        assert shows_all(text, lines=True)
        text.encode()
        assert json.loads(text) == halved(document)


def halved(value: object, half: str = "\ufffd") -> object:
    """The same with another character for every half of a surrogate pair."""
    if isinstance(value, dict):
        return {halved(key): halved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [halved(item) for item in value]
    return "".join(half if unicodedata.category(c) == "Cs" else c for c in value) if isinstance(value, str) else value


@given(TRICKY)
@example("=1+1")
@example("-2+3")
@example("\t=1")
def test_no_cell_is_a_formula(text: str) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(
        [csv_cell(text), csv_cell(-1.5), csv_cell("-1.5e3"), csv_cell(None)]
    )
    ((cell, number, figure, nothing),) = csv.reader(io.StringIO(stream.getvalue()))
    assert shows_all(cell)
    assert not cell.startswith(("=", "@", "\t", "\r"))
    assert not cell.startswith(("+", "-")) or cell.lstrip("+-").replace(".", "").replace("e", "").isalnum()
    assert (number, figure, nothing) == ("-1.5", "-1.5e3", "")
    assert cell.removeprefix("'") == printable(text).removeprefix("'")
