"""One way for a verdict: whose word on a unit holds, of all who have something to say of it.

Whoever knows something of units on a backend (its plugin, a table of observations, a limit, a build that failed) hands
it in as words: a verdict by unit id. Only here is it decided whose word holds. The verdict that comes out keeps whom it
overruled, so that "why" is a list to read: `Verdict.chain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attrs import evolve, frozen

from zif.records import Capabilities, Verdict

#: What is said of units, by unit id.
Words = Mapping[str, Verdict]

#: Stands for a backend that left a unit out.
UNASKED = Verdict(None, "declared", "op", "the backend gave no verdict on this unit")

#: A refusal with one of these codes is about the operator; others are about sizes or wishes, which no test can refute.
_ABOUT_OPERATORS = ("op", "opset", "dtype", "rank", "attribute")


@frozen
class Authority:
    """Somebody who is heard; `who` is the subject of "takes it" and "refuses it".

    `overrules` tells whether its word, the second, overrules the verdict that stands, the first.
    """

    name: str
    who: str
    overrules: Callable[[Verdict, Verdict], bool]


def deniable(verdict: Verdict | None) -> bool:
    """Whether a verdict is a refusal by a table of operators, which an observation may prove too narrow."""
    return (
        verdict is not None
        and not verdict.supported
        and verdict.basis == "declared"
        and verdict.code in _ABOUT_OPERATORS
    )


def _always(_: Verdict, __: Verdict) -> bool:
    return True


def _refuses(standing: Verdict, _: Verdict) -> bool:
    """A refusal keeps its own reason: who comes later need not refuse again."""
    return standing.supported is not False


def _observes(standing: Verdict, word: Verdict) -> bool:
    """A refusal holds against every promise but two: what the plugin weighed itself, knowing what was observed, and an
    engine that was asked since about what it once refused to open. A grant holds against a table, never an engine.
    """
    if word.supported:
        return deniable(standing)
    asked = word.code == "probe-failed" and standing.basis == "probed"
    return standing.supported is not False and standing.basis != "observed" and not asked


def _verifies(standing: Verdict, word: Verdict) -> bool:
    """Results confirm what is taken, or refuse it: what is not taken was not run."""
    return standing.supported is True if word.supported else standing.supported is not False


def _lifts(standing: Verdict, _: Verdict) -> bool:
    """Quantizing mends that a backend computes in integers alone, not that it was seen to be imprecise."""
    return standing.supported is False and standing.code == "precision" and standing.basis != "observed"


def _chooses(standing: Verdict, _: Verdict) -> bool:
    """Among those who take a unit."""
    return standing.supported is True


#: Everyone who is heard, in this order: a later one may overrule who stands, an earlier one never.
ORDER = (
    Authority("table", "its table of operators", _always),
    Authority("backend", "the backend", _always),
    Authority("observed", "what was observed of it", _observes),
    Authority("verified", "the comparison of its results with a judge's", _verifies),
    Authority("tensor-size", "its limit on the size of tensors", _refuses),
    # Before the limits: a precision that the caller demands is demanded of what is assumed, too.
    Authority("assumed", "the quantization that is assumed (--assume)", _lifts),
    Authority("limits", "what the caller asked for (precision, memory, options)", _refuses),
    Authority("what-if", "what the caller supposes (--what-if)", _always),
    Authority("pin", "the caller's choice of a backend (--pin, --strict)", _chooses),
    Authority("build", "the build, which failed,", _refuses),
    Authority("placement", "the planner", _chooses),
)
_RANK = {authority.name: rank for rank, authority in enumerate(ORDER)}


def settle(words: Iterable[tuple[str, Words]], standing: Words | None = None) -> dict[str, Verdict]:
    """The verdict on every unit that somebody speaks of, by unit id: who is heard last and may say so has decided.

    words: pairs of a source's name and what it says; a source may come several times. standing: what was settled
    before, of sources that come earlier in ORDER.
    """
    settled = dict(standing or {})
    for source, said in sorted(words, key=lambda pair: _RANK[pair[0]]):
        if settled or source != "backend":
            settled.update((unit, overrule(settled.get(unit), source, word)) for unit, word in said.items())
        else:  # mostly the first to be heard, of every unit
            settled = dict(said)
    return settled


def overrule(standing: Verdict | None, source: str, word: Verdict) -> Verdict:
    """The verdict on one unit after one more word: that word with whom it overruled, or what stood."""
    if standing is None and source in ("table", "backend"):
        return word if word.source == source else evolve(word, source=source)
    standing = standing or UNASKED
    if not overrules(standing, source, word):
        return standing
    before = (*standing.chain, *word.overruled)
    return Verdict(word.supported, word.basis, word.code, word.reason, word.cost_us, source, before)


def overrules(standing: Verdict, source: str, word: Verdict) -> bool:
    """Whether a source's word holds from now on, instead of the verdict that stands."""
    rank = _RANK[source]
    return rank >= _RANK[standing.source] and ORDER[rank].overrules(standing, word)


def with_words(answer: Capabilities, *words: tuple[str, Words]) -> Capabilities:
    """A backend's answer after more sources were heard; itself where they say nothing."""
    if not any(said for _, said in words):
        return answer
    return evolve(answer, verdicts=settle(words, answer.verdicts))


__all__ = ["ORDER", "UNASKED", "Authority", "Words", "deniable", "overrule", "overrules", "settle", "with_words"]
