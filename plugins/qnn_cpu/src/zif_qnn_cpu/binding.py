"""Runs over memory that core owns: tensors between segments are read and written in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from onnxruntime.capi import onnxruntime_pybind11_state as native
from zif.plugin import element_type

from zif_qnn_cpu.failures import of_running
from zif_qnn_cpu.values import HOST, PACKED, RAW, Array, from_ort, to_ort

if TYPE_CHECKING:
    from zif import TensorInfo
    from zif.plugin import BoundRun

Values = Mapping[str, Any]


def bound(
    session: Any,
    infos: Mapping[str, TensorInfo],
    names: Sequence[str],
    inputs: Mapping[str, Array],
    outputs: Mapping[str, Array],
    run: Callable[[Values], Values],
    owner: object,
) -> BoundRun:
    """A call that takes the free inputs and gives the free outputs.

    session: the engine's native session; names: its outputs; owner: what must live as long as the call. run: an
    ordinary run, which is what is left where a value is no tensor or its elements are packed more tightly in the engine
    than in numpy.
    """
    if all(info.dtype and info.dtype != "string" and info.dtype not in PACKED for info in infos.values()):
        made = Bound(session, infos, names, inputs, outputs, owner)
        whole = len(inputs) + len(outputs) == len(infos)
        return made.whole() if whole else made
    return _copying(run, inputs, outputs)


class Bound:
    """Tensors bound to a session. Used by one thread at a time."""

    def __init__(
        self,
        session: Any,
        infos: Mapping[str, TensorInfo],
        names: Sequence[str],
        inputs: Mapping[str, Array],
        outputs: Mapping[str, Array],
        owner: object,
    ) -> None:
        self._session_run = session.run_with_iobinding
        self._binding = binding = native.SessionIOBinding(session)
        self._kept = dict(inputs), dict(outputs), owner  # the engine knows only their addresses
        for bind, arrays in ((binding.bind_input, inputs), (binding.bind_output, outputs)):
            for name, array in arrays.items():
                bind(name, HOST, element_type(array.dtype), list(array.shape), array.ctypes.data)
        self._free = [name for name in names if name not in outputs]
        self._first = len(outputs)  # the engine lists outputs in the order in which they were first bound
        self._foreign = {name for name, info in infos.items() if info.dtype in RAW}

    def whole(self) -> BoundRun:
        """The call where every input and output is bound: nothing but the engine."""
        run, binding, kept = self._session_run, self._binding, self._kept
        nothing: dict[str, Any] = {}

        def call(inputs: Values) -> Values:  # noqa: ARG001 - there is none left
            try:
                run(binding, None)
            except Exception as error:
                if (refusal := of_running(error)) is None:
                    raise
                raise refusal from error
            return nothing

        call.kept = kept  # type: ignore[attr-defined]
        return call

    def __call__(self, inputs: Values) -> dict[str, Any]:
        binding = self._binding
        for name, value in inputs.items():
            if name in self._foreign:
                binding.bind_ortvalue_input(name, to_ort(value))
            else:
                binding.bind_input(name, np.asarray(value, order="C"))
        for name in self._free:
            binding.bind_output(name, HOST)  # again before each run: what the last run gave is the caller's
        try:
            self._session_run(binding, None)
        except Exception as error:
            if (refusal := of_running(error)) is None:
                raise
            raise refusal from error
        if not self._free:
            return {}
        values = binding.get_outputs()
        return {name: from_ort(values[self._first + at]) for at, name in enumerate(self._free)}


def _copying(run: Callable[[Values], Values], bound_inputs: Values, outputs: Values) -> BoundRun:
    def call(inputs: Values) -> Values:
        results = dict(run({**bound_inputs, **inputs}))
        for name, array in outputs.items():
            np.copyto(array, results.pop(name))
        return results

    return call
