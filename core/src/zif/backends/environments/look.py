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
        environment = self.environment
        yield f"{environment.python}: Python {environment.version}, zif {environment.zif}"
        for answer in self.answers:
            state = "can run" if answer.available else "cannot run"
            why = f": {answer.reason}" if answer.reason else ""
            yield f"{answer.row.name} ({answer.row.distribution} {answer.row.version}): {state} on this machine{why}"
        yield from self.notes
        yield from self.problems

    def to_json(self) -> dict[str, Any]:
        """A row of `zif env doctor --json`."""
        answers = [answer.to_json() for answer in self.answers]
        return {**self.environment.to_json(), "answers": answers, "problems": self.problems, "notes": self.notes}


def looked_at(environment: Environment) -> Look:
    """Start its interpreter, and ask its backends what they can do on this machine. Never raises for what is wrong."""
    if environment.problem:
        return Look(environment, problems=(environment.problem,))
    try:
        told = interpreter.ask(environment.python)
    except UsageError as error:
        return Look(environment, problems=(f"{error}: {_mend(environment)}",))
    wrong = tuple(_unlike(environment, told))
    if wrong:
        return Look(environment, problems=wrong)
    rows = [row for row in installed() if row.environment == environment.name]
    answers = tuple(ask_all(Target("host"), rows))
    broken = tuple(f"{answer.row.name}: {answer.reason}" for answer in answers if answer.capabilities is None)
    return Look(environment, answers, broken, tuple(_remarks(environment)))


def shadowed(environment: Environment, names: Iterable[str]) -> list[str]:
    """A sentence for each backend that this environment has and that is not the one that is used."""
    used = {row.name: row.environment for row in installed()}
    return [
        f"{name} is not used from here: {'the environment ' + used[name] if used[name] else 'zif itself'} has one, too"
        for name in names
        if used.get(name, environment.name) != environment.name
    ]


def _unlike(environment: Environment, told: interpreter.Interpreter) -> Iterator[str]:
    if told.broken:
        yield f"its zif {told.zif} cannot be imported: {told.broken}: {_mend(environment)}"
    elif not told.zif:
        yield f"there is no zif in it any longer: {_mend(environment)}"
    elif told.protocol != PROTOCOL:
        yield f"its zif {told.zif} speaks protocol {told.protocol}, and this one {PROTOCOL}: {_mend(environment)}"


def _remarks(environment: Environment) -> Iterator[str]:
    if environment.zif != core_version():
        yield f"its zif is {environment.zif}, this one {core_version()}; they can talk"


def _mend(environment: Environment) -> str:
    if environment.made:
        return f"`zif env create {environment.name} --again` makes it anew"
    name = environment.name
    return f"`zif env rm {name}` forgets it, `zif env add {name} --python PATH --install` takes it in again"
