"""What an emulator gives first is held against a judge, and again when numbers come that are larger or smaller.

Nobody knows before a run how large a model's inputs are: the mean square of values around 300 leaves fp16, that of
values around 1 does not. Beside an emulator a run on the CPU costs next to nothing, so that the first run is looked at,
and later each that has an input or an output of a magnitude that no run before it had.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field

from zif.errors import ZifError
from zif.model.compiled_units import elsewhere
from zif.runtime.session import Event
from zif.runtime.verification.agreement import OutputJudge
from zif.runtime.verification.watching import backends, sentence

if TYPE_CHECKING:
    from zif.model import Model
    from zif.runtime.session import Session
    from zif.runtime.session.events import OnFault

#: A judge holds the weights a second time: of models that have more than this, in bytes, nothing is looked at.
LARGEST = 1 << 28
#: What gives other numbers each time cannot be held against another run.
_CHANCE = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
#: How many events there are of one session.
_TOLD = 8
_NOT_FINITE = 2000
_GIVEN = "The judge's outputs are given"
_MEND = "Loaded with verify='units' and such inputs as samples, what is wrong leaves its backend"


def watch_first(session: Session, model: Model, on_fault: OnFault) -> None:
    """From now on runs of a session on an emulator are looked at as long as they bring new magnitudes.

    Outputs that are further from the judge's than the precision costs are an event; with on_fault "fallback" the
    judge's are given instead, then and in every later run. Nothing is done where nothing is emulated, where chance is
    in the model, and for weights of more than LARGEST bytes.
    """
    chance = any(node.op_type in _CHANCE for node in model.proto.graph.node)
    weights = sum(info.nbytes or 0 for info in model.initializers.values())
    if session.plan.emulated and not chance and weights <= LARGEST and not elsewhere(model):
        watch = First(session, model, on_fault == "fallback")
        session.watch(watch, watch.close)


@define(eq=False)
class First:
    """Called with the inputs and outputs of every run; gives the outputs to hand on."""

    session: Session
    model: Model
    mends: bool
    _seen: dict[str, tuple[int, int]] = field(factory=dict)
    _lock: threading.Lock = field(factory=threading.Lock)
    _told: int = 0
    _judge: OutputJudge | None = None
    _over: bool = False

    def __call__(self, inputs: Mapping[str, Any], outputs: dict[str, Any]) -> dict[str, Any]:
        largest = magnitudes(inputs) | {f"{name} made": size for name, size in magnitudes(outputs).items()}
        if self._over or not (self._judge or self._new(largest)):
            return outputs
        with self._lock:
            try:
                return self._judged(inputs, outputs, largest)
            except (ZifError, ValueError, MemoryError) as error:
                self._over = True
                self._tell("note", f"not held against the CPU: {error}")
                return outputs

    def _judged(self, inputs: Mapping[str, Any], outputs: dict[str, Any], largest: Mapping[str, int]) -> dict[str, Any]:
        judge = self._judge or OutputJudge(self.model, self.session.plan)
        try:
            right = judge.doubted(inputs, outputs)
            agreed = judge.judged([(inputs, outputs)])[0] if right else None
            self._note(largest)
            if agreed is None or agreed.word not in ("wrong", "unholdable"):
                return outputs
            if not self._judge:
                self._tell("verified-wrong", f"{sentence(agreed)}. {_GIVEN if self.mends else _MEND}")
            if not self.mends:
                return outputs
            self._judge = judge  # from now on it sees every run
            return {name: right[name] for name in outputs}
        finally:
            if judge is not self._judge:
                judge.close()

    def close(self) -> None:
        """Close the judge's sessions, when they are kept."""
        if self._judge is not None:
            self._judge.close()

    def _note(self, largest: Mapping[str, int]) -> None:
        for name, size in largest.items():
            least, most = self._seen.get(name, (size, size))
            self._seen[name] = min(least, size), max(most, size)

    def _new(self, largest: Mapping[str, int]) -> bool:
        """Whether something is at least twice as large or small as all that was looked at."""
        for name, size in largest.items():
            least, most = self._seen.get(name, (_NOT_FINITE, -_NOT_FINITE))
            if not least <= size <= most:
                return True
        return False

    def _tell(self, kind: str, text: str) -> None:
        if self._told < _TOLD:
            self._told += 1
            self.session.events.append(Event(kind, backends(self.session), None, text))


def magnitudes(arrays: Mapping[str, Any]) -> dict[str, int]:
    """The exponent of the largest element of each array of numbers, by name, as `math.frexp` has it."""
    return {
        name: _exponent(array)
        for name, array in arrays.items()
        if isinstance(array, np.ndarray) and array.dtype.kind in "fiu" and array.size
    }


def _exponent(array: np.ndarray[Any, Any]) -> int:
    most = max(abs(float(array.max())), abs(float(array.min())))
    return math.frexp(most)[1] if math.isfinite(most) else _NOT_FINITE
