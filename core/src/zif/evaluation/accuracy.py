"""Task accuracy: a user's function that gets a session and gives a number, and the goal that the number has to meet."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from zif.errors import UsageError, ZifError

if TYPE_CHECKING:
    from zif.model.arguments import Source
    from zif.runtime.session import Session

Function = Callable[["Session"], float]

SCHEMA = "zif.eval/1"


@frozen
class Goal:
    """A bound for a figure: at least `value`, or at most."""

    value: float
    at_most: bool = False

    @classmethod
    def parse(cls, text: str) -> Goal:
        """From "0.9" or ">=0.9" (at least) or "<=0.1" (at most). Raises UsageError."""
        match = re.fullmatch(r"\s*(>=|<=|)\s*([-+.\deE]+)\s*", text)
        try:
            value = float(match[2]) if match else math.nan
        except ValueError:
            value = math.nan
        if match is None or not math.isfinite(value):
            raise UsageError(f"goal {text!r}: write a number, such as 0.9 (at least), or <=0.1 (at most)")
        return cls(value, match[1] == "<=")

    def met(self, value: float) -> bool:
        """Whether the figure is good enough."""
        return value <= self.value if self.at_most else value >= self.value

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.value:g}"


@frozen
class Evaluation:
    """What the function said of a model, and where that ran. `emulated`: those of the backends that are emulators."""

    model: str
    target: str
    function: str
    value: float
    seconds: float
    backends: tuple[str, ...]
    emulated: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The document `zif.eval/1`, without the goal."""
        return {"schema": SCHEMA, **attrs.asdict(self)}


def evaluate(source: Source | Session, function: Function | str, target: str = "host", **wishes: Any) -> Evaluation:
    """Load a model (or take the open session) and give its session to `function`, which returns a number.

    function: a callable, or "FILE.py:NAME". It calls `session.run` as often as it likes, each time with a mapping from
    the name of every input to an array of the dtype and shape that the model declares (float32 [1, 3, 224, 224] say;
    `session.inputs` lists them), and gets a mapping from the name of every output to an array. What it returns must
    convert to a finite float, such as a numpy scalar. `wishes` are those of `zif.load`. Raises UsageError when the
    function cannot be loaded, raises, or does not return a finite number; with the line of its file where it went
    wrong. What a backend raises meanwhile comes out as it is.
    """
    from zif.runtime import verbs
    from zif.runtime.session import Session

    call = resolved(function)
    if isinstance(source, Session):
        return _evaluated(source, call, function)
    with verbs.load(source, target, **({"verify": "off"} | wishes)) as session:
        return _evaluated(session, call, function)


def resolved(function: Function | str) -> Function:
    """The function itself. Raises UsageError."""
    from zif.evaluation.scripts import function as load

    return load(function) if isinstance(function, str) else function


def score(function: Function, session: Session) -> float:
    """The number that the function gives for the session.

    Raises UsageError for what the function itself does wrong, and what a backend raised while it ran, as it is.
    """
    from zif.evaluation.scripts import where

    name = getattr(function, "__name__", repr(function))
    code = getattr(function, "__code__", None)
    try:
        result = function(session)
    except Exception as error:
        path = Path(code.co_filename) if code is not None else Path("?")
        if isinstance(error, ZifError) and error.exit_code != UsageError.exit_code:
            error.add_note(f"in the evaluation {name!r}")
            raise
        raise UsageError(f"the evaluation {name!r} failed: {where(error, path)}") from error
    try:
        value = float(result)
    except (TypeError, ValueError):
        raise UsageError(f"the evaluation {name!r} returned {type(result).__name__}, not a number") from None
    if not math.isfinite(value):
        raise UsageError(f"the evaluation {name!r} returned {value}, which no goal can be held against")
    return value


def _evaluated(session: Session, call: Function, named: Function | str) -> Evaluation:
    begun = perf_counter()
    value = score(call, session)
    spent = round(perf_counter() - begun, 3)
    plan = session.plan
    label = named if isinstance(named, str) else getattr(named, "__name__", repr(named))
    return Evaluation(plan.model, plan.target, label, value, spent, plan.backends, plan.emulated)
