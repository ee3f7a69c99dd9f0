"""How an environment is: whether its interpreter starts, the two zifs can talk, and its backends answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import frozen

from zif.backends.environments import interpreter
from zif.backends.isolation.codec import PROTOCOL
from zif.backends.registry import core_version, installed
from zif.backends.survey import Answer, ask_all
from zif.errors import UsageError
from zif.files.environments import Environment
from zif.records import Target


@frozen
class Look:
    """An environment, what its backends answered, and what is wrong, each in a sentence."""

    environment: Environment
    answers: tuple[Answer, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """For people."""
        one = self.environment
        yield f"{one.python}: Python {one.version}, zif {one.zif}"
        for answer in self.answers:
            state = "can run" if answer.available else "cannot run"
            why = f": {answer.reason}" if answer.reason else ""
            yield f"{answer.row.name} ({answer.row.distribution} {answer.row.version}): {state} on this machine{why}"
        yield from self.notes
        yield from self.problems

    def to_json(self) -> dict[str, Any]:
        """A row of `zif env doctor --json`."""
        answers = [one.to_json() for one in self.answers]
        return {**self.environment.to_json(), "answers": answers, "problems": self.problems, "notes": self.notes}


def looked_at(one: Environment) -> Look:
    """Start its interpreter, and ask its backends what they can do on this machine. Never raises for what is wrong."""
    if one.problem:
        return Look(one, problems=(one.problem,))
    try:
        told = interpreter.ask(one.python)
    except UsageError as error:
        return Look(one, problems=(f"{error}: {_mend(one)}",))
    wrong = tuple(_unlike(one, told))
    if wrong:
        return Look(one, problems=wrong)
    rows = [row for row in installed() if row.environment == one.name]
    answers = tuple(ask_all(Target("host"), rows))
    broken = tuple(f"{answer.row.name}: {answer.reason}" for answer in answers if answer.capabilities is None)
    return Look(one, answers, broken, tuple(_remarks(one)))


def shadowed(one: Environment, names: Iterable[str]) -> list[str]:
    """A sentence for each backend that this environment has and that is not the one that is used."""
    used = {row.name: row.environment for row in installed()}
    return [
        f"{name} is not used from here: {'the environment ' + used[name] if used[name] else 'zif itself'} has one, too"
        for name in names
        if used.get(name, one.name) != one.name
    ]


def _unlike(one: Environment, told: interpreter.Interpreter) -> Iterator[str]:
    if told.broken:
        yield f"its zif {told.zif} cannot be imported: {told.broken}: {_mend(one)}"
    elif not told.zif:
        yield f"there is no zif in it any longer: {_mend(one)}"
    elif told.protocol != PROTOCOL:
        yield f"its zif {told.zif} speaks protocol {told.protocol}, and this one {PROTOCOL}: {_mend(one)}"


def _remarks(one: Environment) -> Iterator[str]:
    if one.zif != core_version():
        yield f"its zif is {one.zif}, this one {core_version()}; they can talk"


def _mend(one: Environment) -> str:
    if one.made:
        return f"`zif env create {one.name} --again` makes it anew"
    return f"`zif env rm {one.name}` forgets it, `zif env add {one.name} --python PATH --install` takes it in again"
