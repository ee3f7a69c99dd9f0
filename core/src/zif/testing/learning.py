"""From tests that went right and wrong to rules that tell them apart: few and general ones to refuse, narrow ones to
grant.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal

from attrs import frozen

from zif.verdicts.facts import node_facts
from zif.verdicts.observed import GRANT, Rule, Table


@frozen
class Case:
    """One test of one operator: the unit's facts and how it ended. `detail` says how far off it was, or how it died.

    claimed False: the backend refuses it, and it was built and run all the same.
    """

    name: str
    op_type: str
    domain: str
    facts: frozenset[str]
    outcome: Literal["right", "wrong", "imprecise", "refused", "error", "crash"]
    detail: str = ""
    claimed: bool = True


#: From the worst to the mildest: the code of a rule, and what its sentence says was seen.
_KINDS = {
    "crash": ("observed-crash", "a crash was seen"),
    "wrong": ("observed-wrong", "wrong results were seen"),
    "error": ("observed-wrong", "it was accepted and then failed when it ran"),
    "refused": ("probe-failed", "it was accepted and then refused when it was opened"),
    "imprecise": ("precision", "results outside the tolerance of ONNX's own test were seen"),
}


def learn(cases: Iterable[Case], toolchain: str, source: str = "", max_facts: int = 3, *, target: str = "") -> Table:
    """Rules that cover every failed case and as few right ones as possible, each with at most `max_facts` facts.

    And for what is not claimed and came out right, rules that hold of nothing but what was tried.
    """
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.domain, case.op_type), []).append(case)
    rules: list[Rule] = []
    for _, group in sorted(groups.items()):
        rules += _rules([case for case in group if case.claimed], max_facts)
        rules += _granting([case for case in group if not case.claimed])
    return Table(toolchain, source, tuple(rules), target)


def _granting(group: Sequence[Case]) -> Iterator[Rule]:
    """One rule for each combination of version and types that was tried: with every fact that its cases share.

    No rule where one of them failed although all of those facts hold for it.
    """
    kinds: dict[frozenset[str], list[Case]] = {}
    for case in group:
        if case.outcome == "right":
            kinds.setdefault(frozenset(filter(_of_type, case.facts)), []).append(case)
    for cases in kinds.values():
        when = frozenset.intersection(*(case.facts for case in cases))
        if any(case.facts >= when for case in group if case.outcome != "right"):
            continue
        first, names = cases[0], tuple(case.name for case in cases[:3])
        words = "not claimed, and right results were seen"
        yield Rule(first.op_type, first.domain, tuple(sorted(when)), GRANT, words, 0, len(cases), names)


def _of_type(fact: str) -> bool:
    """Whether a fact is the version of the operator or the type of something, such as "T=float16"."""
    name, _, value = fact.partition("=")
    return name in ("since", "quantized") or (name[:1].isupper() and value.strip("0123456789").isalpha())


def _rules(group: Sequence[Case], max_facts: int) -> Iterator[Rule]:
    if not group:
        return
    right = [case.facts for case in group if case.outcome == "right"]
    usual = _usual(group)
    for outcome in _KINDS:
        failed = [case for case in group if case.outcome == outcome]
        while failed:
            when = _separating(failed, right, usual, max_facts)
            covered = [case for case in failed if case.facts >= when]
            passed = sum(facts >= when for facts in right)
            yield _rule(covered, when, outcome, passed)
            failed = [case for case in failed if not case.facts >= when]


def _separating(
    failed: Sequence[Case], right: Sequence[frozenset[str]], usual: frozenset[str], max_facts: int
) -> frozenset[str]:
    """Facts, all true of the first failed case, that hold for few right cases and many failed ones, and mean something.

    Fewest right for each failed one counts first, then the number of failed ones, then how telling the facts are.
    """
    best, best_key = frozenset[str](), None
    for size in range(max_facts + 1):
        for some in itertools.combinations(sorted(failed[0].facts), size):
            when = frozenset(some)
            hits = sum(facts >= when for facts in right)
            covered = sum(case.facts >= when for case in failed)
            key = (hits / covered, -covered, sum(_cost(fact, usual) for fact in when), some)
            if best_key is None or key < best_key:
                best, best_key = when, key
    return best


def _usual(group: Sequence[Case]) -> frozenset[str]:
    """The facts of a node of this operator that sets no attribute."""
    from onnx import NodeProto

    first = group[0]
    sinces = {fact for case in group for fact in case.facts if fact.startswith("since=")}
    bare = NodeProto(op_type=first.op_type, domain=first.domain)
    return frozenset().union(*(node_facts(bare, int(since[6:]), {}, ()) for since in sinces))


def _cost(fact: str, usual: Collection[str]) -> float:
    """How little a fact says of why something fails: what is set on purpose tells more than what is always so."""
    if fact in usual:
        return 2.0
    incidental = ("rank(", "since=", "share a shape", "differ in shape", " constant", " computed", "[", "even")
    if any(word in fact for word in incidental):
        return 1.6
    if fact.startswith("output "):
        return 1.1
    name, _, value = fact.partition("=")
    if value.lstrip("-").isdigit() and f"{name} unset" in usual:
        return 1.5  # a size, most likely
    return 1.2 if fact.endswith((" wanted", " set")) or (value and name[:1].isupper()) else 1.0


def _rule(covered: Sequence[Case], when: frozenset[str], outcome: str, passed: int) -> Rule:
    first = covered[0]
    code, reason = _KINDS[outcome]
    details = sorted({case.detail for case in covered if case.detail})
    reason += f" ({details[-1]})" if details else ""
    names = tuple(case.name for case in covered[:3])
    return Rule(first.op_type, first.domain, tuple(sorted(when)), code, reason, len(covered), passed, names)
