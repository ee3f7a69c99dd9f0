"""From tests that went right and wrong to the fewest, most general rules that tell them apart."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from attrs import frozen

from zif.observed import Rule, Table

#: Facts that say how a unit is meant come before facts that say how its data happened to look in one test.
_INCIDENTAL = ("rank(", "since=", "share a shape", "differ in shape", " constant", " computed", "[")


@frozen
class Case:
    """One test of one operator: the unit's facts and how it ended. `detail` says by how much it was off, or how it died."""

    name: str
    op_type: str
    domain: str
    facts: frozenset[str]
    outcome: Literal["right", "wrong", "imprecise", "crash"]
    detail: str = ""


_CODES = {"wrong": "observed-wrong", "imprecise": "precision", "crash": "observed-crash"}
_WORDS = {"wrong": "wrong results", "imprecise": "results outside the tolerance of ONNX's own test", "crash": "a crash"}


def learn(cases: Iterable[Case], toolchain: str, source: str = "", max_facts: int = 3) -> Table:
    """Rules that cover every failed case and as few right ones as possible, each with at most `max_facts` facts."""
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.domain, case.op_type), []).append(case)
    rules = [rule for _, group in sorted(groups.items()) for rule in _rules(group, max_facts)]
    return Table(toolchain, source, tuple(rules))


def _rules(group: Sequence[Case], max_facts: int) -> Iterator[Rule]:
    right = [case.facts for case in group if case.outcome == "right"]
    for outcome in ("crash", "wrong", "imprecise"):
        failed = [case for case in group if case.outcome == outcome]
        while failed:
            when = _separating(failed, right, max_facts)
            covered = [case for case in failed if case.facts >= when]
            passed = sum(facts >= when for facts in right)
            yield _rule(covered, when, outcome, passed)
            failed = [case for case in failed if not case.facts >= when]


def _separating(failed: Sequence[Case], right: Sequence[frozenset[str]], max_facts: int) -> frozenset[str]:
    """The facts, all true of the first failed case, that hold for the fewest right and then the most failed cases."""
    best, best_key = frozenset[str](), None
    for size in range(max_facts + 1):
        for some in itertools.combinations(sorted(failed[0].facts), size):
            when = frozenset(some)
            hits = sum(facts >= when for facts in right)
            covered = sum(case.facts >= when for case in failed)
            key = (hits, -covered, sum(_cost(fact) for fact in when), some)
            if best_key is None or key < best_key:
                best, best_key = when, key
    return best


def _cost(fact: str) -> float:
    return 1.6 if any(word in fact for word in _INCIDENTAL) else 1.0


def _rule(covered: Sequence[Case], when: frozenset[str], outcome: str, passed: int) -> Rule:
    first = covered[0]
    details = sorted({case.detail for case in covered if case.detail})
    reason = f"{_WORDS[outcome]} were seen" if outcome != "crash" else "a crash was seen"
    reason += f" ({details[-1]})" if details else ""
    names = tuple(case.name for case in covered[:3])
    return Rule(first.op_type, first.domain, tuple(sorted(when)), _CODES[outcome], reason, len(covered), passed, names)
