"""What a caller hands to `run`, checked before any backend sees it; every error names the tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy import ndarray

from zif.errors import InvalidInput
from zif.files.wording import did_you_mean
from zif.records import TensorInfo
from zif.runtime.session.fit import dtype_of, exact, fits, pattern, same_dtype, wanted


@frozen(eq=False)
class Gate:
    """One expected input. `dtype` None: no tensor, any value passes. `exact`: the shape when it is wholly fixed."""

    info: TensorInfo
    dtype: np.dtype[Any] | None
    exact: tuple[int, ...] | None
    optional: bool


class Admission:
    """The check of a session's inputs: a dictionary look-up and some comparisons for an input that fits."""

    def __init__(self, inputs: Sequence[TensorInfo], optional: Sequence[TensorInfo] = ()) -> None:
        self.gates = {i.name: _gate(i, False) for i in inputs} | {i.name: _gate(i, True) for i in optional}
        self._fast = tuple(
            (gate.info.name, gate.dtype, gate.exact, pattern(gate.info.shape, {})) for gate in self.gates.values()
        )

    def admit(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The inputs, ready for the backends: the caller's own mapping when it fits as it is.

        Raises InvalidInput for a missing or unknown name, a wrong dtype, rank or dimension.
        """
        try:
            for name, dtype, shape, fitting in self._fast:
                value = inputs[name]
                if type(value) is not ndarray or (value.dtype is not dtype and value.dtype != dtype):
                    return self._slowly(inputs)
                if value.shape != shape and (shape is not None or not fitting(value.shape, inputs)):
                    return self._slowly(inputs)
                if not value.flags.c_contiguous:
                    return self._slowly(inputs)
        except (KeyError, IndexError, AttributeError, TypeError):
            return self._slowly(inputs)
        return inputs if len(inputs) == len(self._fast) else self._slowly(inputs)

    def _slowly(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(inputs, Mapping):
            first = next(iter(self.gates), "x")
            raise InvalidInput(
                f"inputs must be a mapping of name to array, such as {{{first!r}: array}}, not {type(inputs).__name__}"
            )
        for name in inputs:
            if name not in self.gates:
                raise InvalidInput(self._unknown(str(name)))
        return {
            name: _check(gate, inputs[name]) for name, gate in self.gates.items() if name in inputs or self._must(gate)
        }

    def _must(self, gate: Gate) -> bool:
        if gate.optional:
            return False
        raise InvalidInput(f"input {gate.info.name!r} is missing: it takes {wanted(gate.info)}")

    def _unknown(self, name: str) -> str:
        known = ", ".join(map(repr, self.gates)) or "no inputs at all"
        return f"the model has no input {name!r}.{did_you_mean(name, self.gates)} It takes {known}."


def _gate(info: TensorInfo, optional: bool) -> Gate:
    return Gate(info, dtype_of(info), exact(info), optional)


def _check(gate: Gate, value: Any) -> Any:
    if gate.dtype is None:
        return value
    if value is None:
        raise InvalidInput(f"input {gate.info.name!r} is None: it takes {wanted(gate.info)}")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:  # lists of unequal lengths, numbers that are too large
        raise InvalidInput(f"input {gate.info.name!r} is no array: {error}; it takes {wanted(gate.info)}") from error
    array = array if array.flags.c_contiguous else np.ascontiguousarray(array)
    if not same_dtype(array.dtype, gate.dtype):
        raise InvalidInput(f"input {gate.info.name!r} has dtype {array.dtype}: it takes {wanted(gate.info)}")
    if not fits(array.shape, gate.info.shape, {}):
        raise InvalidInput(f"input {gate.info.name!r} has shape {list(array.shape)}: it takes {wanted(gate.info)}")
    return _texts(gate.info, array) if gate.dtype.kind == "O" and array.dtype.kind != "O" else array


def _texts(info: TensorInfo, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Texts of any width as objects; bytes are UTF-8, as they are in a model."""
    try:
        return (np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array).astype(object)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"input {info.name!r} holds bytes that are no UTF-8: {error}") from error
