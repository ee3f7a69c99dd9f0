"""What a segment gave, held against the plan before anybody reads it: a backend's mistake must name the backend.

An output that fits costs some comparisons. One that is right but not fit to hand on (in strides, read-only, or memory
that the backend may write to again) is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from attrs import evolve, frozen

from zif.errors import BackendBroken, InvalidBundle, InvalidModel
from zif.records import TensorInfo
from zif.runtime.session.fit import Shape, Values, dtype_of, fits, had, places_of, same_dtype, wanted
from zif.runtime.session.quick import Check, quick
from zif.runtime.session.step import AGAIN, Step


@frozen
class Slot:
    """One output: what is known of it, and whether it leaves the session, so that it must be the caller's own."""

    info: TensorInfo
    own: bool


class Outputs:
    """The check of what one segment gives in a run: `check(made, given)` gives what is fit to hand on.

    That is the backend's own mapping when it fits as it is. Raises BackendBroken, naming the output, for one that is
    missing or is not what the plan says; InvalidModel where ONNX itself contradicts what the plan says, and
    InvalidBundle for what another's bundle says.

    names: the outputs that are handed over; those in shared buffers are not. own: which of them leave the session.
    tell: is called with a sentence for an output whose shape only the file declares, and wrongly.
    """

    def __init__(
        self,
        step: Step,
        names: Collection[str],
        tensors: Mapping[str, TensorInfo],
        own: Collection[str],
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._step, self._tell = step, tell
        self._slots = {name: Slot(tensors.get(name) or TensorInfo(name), name in own) for name in names}
        self._places = places_of([tensors[name] for name in step.inputs if name in tensors])
        self.check: Check = quick([(slot.info, slot.own) for slot in self._slots.values()], self._places, self._slowly)

    def _slowly(self, made: Any, values: Values) -> Values:
        """What was made on `values`, fit to hand on: copied where it is not, refused where it is not what is due."""
        if not isinstance(made, Mapping):
            raise self._broken(f"returned {had(made)}, not a mapping of names to arrays")
        return {name: self._checked(slot, made, values) for name, slot in self._slots.items()}

    def _checked(self, slot: Slot, made: Values, values: Values) -> Any:
        name = slot.info.name
        if name not in made:
            raise self._broken(f"did not return the output {name!r}")
        value, dtype = made[name], dtype_of(slot.info)
        if dtype is None:
            self._refuse_unless(of_type(value, slot.info.type), slot, value)
            return _copied(value) if slot.own else value
        self._refuse_unless(isinstance(value, (np.ndarray, np.generic)), slot, value)
        if not same_dtype(value.dtype, dtype):
            self._refuse(slot, value, values)
        sizes = self._sizes(values)
        if not fits(value.shape, slot.info.shape, sizes):
            self._doubt(slot, value, sizes, values)
        return np.array(value, dtype, order="C") if slot.own else np.asarray(value, dtype, order="C")

    def _refuse_unless(self, right: bool, slot: Slot, value: Any) -> None:
        if not right:
            name, plan = slot.info.name, wanted(slot.info)
            raise self._broken(f"returned {had(value)} for the output {name!r}, where the plan has {plan}")

    def _refuse(self, slot: Slot, value: Any, values: Values) -> None:
        """An array that is not the plan's: the model's mistake where ONNX's own evaluator makes the same of it."""
        name, proof = slot.info.name, self._step.proof
        other = None if proof is None else proof.computed(values).get(name)
        if other is not None and value.shape == other.shape and same_dtype(value.dtype, other.dtype):
            raise InvalidModel(
                f"the output {name!r} cannot be {wanted(slot.info)}: {self._step.who} returned {had(value)}, and so "
                "does ONNX's own evaluator. What its node reads does not go together. Export the model again."
            )
        self._refuse_unless(False, slot, value)

    def _broken(self, what: str) -> BackendBroken | InvalidBundle:
        """The backend's mistake; in a bundle it may as well be the bundle's, which may say what it likes."""
        if self._step.bundled:
            return InvalidBundle(f"{self._step.who} {what}: the bundle does not go together with itself. {AGAIN}")
        return BackendBroken(f"{self._step.who} {what}. {_ADVICE}")

    def _doubt(self, slot: Slot, value: Any, sizes: Mapping[str, int], values: Values) -> None:
        """A shape that is not the plan's: the backend's mistake, unless ONNX has something else to say of it."""
        name, who = slot.info.name, self._step.who
        if not fits(value.shape, self._shown(slot.info, values), sizes):
            self._refuse(slot, value, values)
        self._slots = {**self._slots, name: evolve(slot, info=evolve(slot.info, shape=None))}
        if self._tell:
            self._tell(
                f"the model declares the output {name!r} as {wanted(slot.info)}, which does not follow from "
                f"its operators; {who} returned {had(value)}"
            )

    def _shown(self, info: TensorInfo, values: Values) -> Shape | None:
        """What can be shown of an output's shape; without a proof, the dimensions that are numbers."""
        if self._step.proof is not None:
            shown = self._step.proof.shown(values).get(info.name)
            return None if shown is None else shown.shape
        return None if info.shape is None else tuple(d if isinstance(d, int) else None for d in info.shape)

    def _sizes(self, values: Values) -> dict[str, int]:
        """The size of each symbolic dimension in this run, where the inputs agree on it."""
        sizes: dict[str, int] = {}
        for symbol, places in self._places.items():
            seen = {values[name].shape[axis] for name, axis in places if name in values}
            if len(seen) == 1:
                sizes[str(symbol)] = seen.pop()
        return sizes


_ADVICE = "Tell its author, or leave it out with --exclude."


def of_type(value: Any, kind: str) -> bool:
    """Whether a value that is no tensor is of this ONNX type: a list, a dict, None where it is optional."""
    if kind.startswith("optional("):
        return value is None or of_type(value, kind[9:-1])
    if kind.startswith("seq("):
        return isinstance(value, list) and all(of_type(item, kind[4:-1]) for item in value)
    if kind.startswith("map("):
        return isinstance(value, dict)
    if kind.startswith("tensor("):
        dtype = dtype_of(TensorInfo("", kind))
        return dtype is not None and isinstance(value, (np.ndarray, np.generic)) and same_dtype(value.dtype, dtype)
    return True


def _copied(value: Any) -> Any:
    """Lists, dicts and arrays of the caller's own."""
    if isinstance(value, list):
        return [_copied(item) for item in value]
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return value.copy() if isinstance(value, np.ndarray) else value
