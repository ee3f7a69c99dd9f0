"""What callers demand of a plan: how it is written, and which policy follows from it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zif.errors import UsageError
from zif.planning.constraints import Constraints, demanded, microseconds, nbytes


@pytest.mark.parametrize(
    ("text", "us"), [("5ms", 5e3), ("800us", 800), ("800 µs", 800), ("0.1s", 1e5), (5, 5e3), (2.5, 2.5e3), ("7", 7e3)]
)
def test_times(text: object, us: float) -> None:
    assert microseconds(text, "x") == pytest.approx(us)


@pytest.mark.parametrize(
    ("text", "size"),
    [("64M", 64 << 20), ("64MiB", 64 << 20), ("64 MB", 64 << 20), ("1.5G", 3 << 29), (4096, 4096), ("2k", 2048)],
)
def test_sizes(text: object, size: int) -> None:
    assert nbytes(text, "x") == size


@given(st.text(max_size=6))
def test_any_text_is_a_figure_or_one_clear_refusal(text: str) -> None:
    for read in (microseconds, nbytes):
        try:
            figure = read(text, "x")
        except UsageError as error:
            figure, text = 1, str(error)
            if "write a" not in text:
                raise
        assert figure > 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"power_crit": True}, "Did you mean 'power_critical'"),
        ({"min_precision": "half"}, "possible: int4"),
        ({"latency_goal": "soon"}, "latency_goal cannot be 'soon'"),
        ({"memory_limit": "much"}, "memory_limit cannot be 'much'"),
        ({"memory_limit": {"qnn_htp": -3}}, "memory_limit of qnn_htp"),
        ({"power_critical": "yes"}, "power_critical"),
    ],
)
def test_what_means_nothing_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Constraints.parse(given)


POLICIES = ("balanced", "performance", "power", "memory")
IMPLIED = {(False, False): None, (True, False): "power", (False, True): "performance", (True, True): "balanced"}


@pytest.mark.parametrize(("critical", "policy"), list(itertools.product(IMPLIED, POLICIES)))
def test_the_policy_that_follows(critical: tuple[bool, bool], policy: str) -> None:
    wishes, implied = Constraints(*critical), IMPLIED[critical]
    if implied is None:
        assert wishes.policy(policy) == policy
    elif policy in ("balanced", implied):
        assert wishes.policy(policy) == implied
    else:
        with pytest.raises(UsageError, match="contradicts"):
            wishes.policy(policy)


def test_only_what_was_asked_is_told_and_reads_as_on_the_command_line() -> None:
    assert Constraints().told() == {}
    asked = Constraints(True, False, "fp16", {"qnn_htp": "8M", "*": "1G"}, "5ms", 7)
    assert asked.goal == 5000
    assert list(demanded(asked.told())) == [
        *("--power-critical", "--min-precision fp16", "--memory-limit qnn_htp=8 MiB", "--memory-limit 1 GiB"),
        *("--latency-goal 5 ms", "--max-latency 7 ms"),
    ]
