"""What if a backend took what it refuses, or refused what it takes: a planner in which it is so.

Prices are known for every unit on every backend that takes part, supported there or not, so a hypothesis needs no new
question: it changes verdicts and solves again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import attrs
from attrs import frozen

from zif.errors import UsageError
from zif.planning.task import matches, no_unit
from zif.records import Verdict
from zif.verdicts.settle import UNASKED

if TYPE_CHECKING:
    from zif.model import Unit
    from zif.planning.candidates.participants import Participant, Participants
    from zif.planning.planner import Planner


@frozen
class Change:
    """One hypothesis, written BACKEND+PATTERN (takes these, too) or BACKEND-PATTERN (takes these no more).

    PATTERN is an operator (`Erf`, `op:Reduce*`), the name of units (`/head/*`), or `code:dynamic-shape` for all that is
    refused with that code.
    """

    backend: str
    takes: bool
    pattern: str

    def __str__(self) -> str:
        return f"{self.backend}{'+' if self.takes else '-'}{self.pattern}"

    @classmethod
    def parse(cls, text: str, participants: Participants) -> Change:
        """The change that a text means. Raises UsageError for another form, or a backend that takes no part."""
        known = sorted((c.name for c in participants.candidates), key=len, reverse=True)
        for name in known:  # the longest first: a name may hold a minus, and begin another
            sign, pattern = text[len(name) : len(name) + 1], text[len(name) + 1 :]
            if text.startswith(name) and sign in ("+", "-") and pattern:
                return cls._of(name, sign == "+", pattern, participants)
        raise UsageError(
            f"--what-if {text}: write BACKEND+PATTERN or BACKEND-PATTERN, such as my_npu+Erf; "
            f"the backends are {', '.join(sorted(known)) or 'none'}"
        )

    @classmethod
    def _of(cls, name: str, takes: bool, pattern: str, participants: Participants) -> Change:
        if name not in participants.by_name:
            reason = next(c.reason for c in participants.candidates if c.name == name)
            raise UsageError(f"--what-if: {name} takes no part in this plan: {reason}")
        return cls(name, takes, pattern)

    def touches(self, unit: Unit, verdict: Verdict) -> bool:
        """Whether it changes this verdict of its backend on this unit."""
        if bool(verdict.supported) is self.takes:
            return False
        if self.pattern.startswith("code:"):
            return fnmatchcase(verdict.code, self.pattern[5:])
        return unit.op_type == self.pattern or matches(unit, self.pattern)


def wording(changes: Sequence[Change]) -> str:
    """Several changes as half a sentence: "my_npu took Erf and Mod, and my_gpu did not take Conv"."""
    operators: dict[tuple[str, bool], list[str]] = {}
    for change in changes:
        code = change.pattern.removeprefix("code:")
        kind = change.pattern.removeprefix("op:") if code == change.pattern else f"what it refuses as {code}"
        operators.setdefault((change.backend, change.takes), []).append(kind)
    verbs = {True: "took", False: "did not take"}
    return ", and ".join(f"{name} {verbs[takes]} {_list(kinds)}" for (name, takes), kinds in operators.items())


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


@frozen(eq=False)
class Hypothesis:
    """A planner in which the changes hold. `touched`: the units and what their backends said of them until now."""

    planner: Planner
    changes: tuple[Change, ...]
    touched: tuple[tuple[Unit, Verdict], ...]


def suppose(planner: Planner, texts: Sequence[str]) -> Hypothesis:
    """A planner with all these changes. Raises UsageError for one that can't be read or that changes nothing."""
    changes = tuple(Change.parse(text, planner.participants) for text in texts)
    by_name, touched = dict(planner.participants.by_name), []
    for change in changes:
        hits = _hits(planner, change, by_name[change.backend])
        touched += hits
        by_name[change.backend] = _changed(by_name[change.backend], change, hits)
    participants = attrs.evolve(planner.participants, by_name=by_name)
    return Hypothesis(attrs.evolve(planner, participants=participants), changes, tuple(touched))


def _hits(planner: Planner, change: Change, participant: Participant) -> list[tuple[Unit, Verdict]]:
    units, verdicts = planner.model.units, participant.capabilities.verdicts
    hits = [(u, v) for u in units if change.touches(u, v := verdicts.get(u.id, UNASKED))]
    if not hits:
        raise UsageError(f"--what-if {change}: {_why_nothing(planner, change, verdicts)}")
    return hits


def _why_nothing(planner: Planner, change: Change, verdicts: Mapping[str, Verdict]) -> str:
    """A sentence for a change without effect: no such unit, or the backend says so already."""
    other = attrs.evolve(change, takes=not change.takes)
    if any(other.touches(unit, verdicts.get(unit.id, UNASKED)) for unit in planner.model.units):
        already = "takes all of these already" if change.takes else "takes none of these anyway"
        return f"{change.backend} {already}"
    return no_unit(planner.model, change.pattern)


def _changed(participant: Participant, change: Change, hits: Sequence[tuple[Unit, Verdict]]) -> Participant:
    """The backend with other verdicts; what it says of costs stays."""
    code, reason = ("ok", f"assumed: {change}") if change.takes else ("excluded", f"ruled out: {change}")
    words = {unit.id: Verdict(change.takes, verdict.basis, code, reason, verdict.cost_us) for unit, verdict in hits}
    return participant.after("what-if", words)


__all__ = ["Change", "Hypothesis", "suppose", "wording"]
