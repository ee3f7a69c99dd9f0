"""A segment that runs in the evaluator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from zif import InvalidModel
from zif.plugin import DTYPE_BITS, content_of, element_dtype

from zif_reference.corrected import corrected_operators
from zif_reference.failures import blaming_model, blaming_values
from zif_reference.timing import Stopwatch
from zif_reference.upgrade import older_operators

if TYPE_CHECKING:
    from zif import Arrays, Compiled


class Evaluation:
    """One segment. The evaluator keeps what it computes in local names, so several threads may run it at once."""

    def __init__(self, compiled: Compiled) -> None:
        files = compiled.files
        model = onnx.load_model_from_string(content_of(files[compiled.main]))
        self._outputs = [output.name for output in model.graph.output]
        self._strings = {info.name for info in compiled.outputs if info.type == "tensor(string)"}
        with blaming_model():
            self._evaluator: Any = _evaluator_class(files)(
                model, new_ops=[*corrected_operators(model), *older_operators(model)]
            )

    def run(self, inputs: Arrays) -> dict[str, Any]:
        """The outputs by name, for inputs by name."""
        return self._run(self._evaluator, inputs)

    def unit_times(self, inputs: Arrays, runs: int) -> dict[str, float]:
        """Microseconds by node, the median of so many runs; see zif.SupportsUnitTimes."""
        watch, evaluator = Stopwatch(), copy(self._evaluator)
        evaluator.rt_nodes_ = watch.on(evaluator.rt_nodes_)
        for _ in range(runs):
            self._run(evaluator, inputs)
        return watch.medians()

    def _run(self, evaluator: Any, inputs: Arrays) -> dict[str, Any]:
        # Copied on the way in and out: an operator may write to its input, return it, or return one of its constants.
        feeds = {name: _own(value) for name, value in inputs.items()}
        with (
            blaming_values(),
            np.errstate(all="ignore"),
        ):  # infinities and NaNs are values like others here, nothing to warn of
            values = evaluator.run(self._outputs, feeds)
        outputs = {name: _own(value) for name, value in zip(self._outputs, values, strict=True)}
        outputs.update((name, outputs[name].astype(object)) for name in self._strings)
        return outputs

    def close(self) -> None:
        """Nothing is held that Python does not free."""


def _own(value: Any) -> Any:
    """A copy: of an array, of the list that a sequence is, of the dict that a map is; None for an empty optional."""
    if isinstance(value, list | tuple):
        return [_own(item) for item in value]
    if value is None or isinstance(value, dict):
        return None if value is None else dict(value)
    return np.array(value, order="C", copy=True)


def _evaluator_class(files: Mapping[str, bytes | Path]) -> type[ReferenceEvaluator]:
    """The evaluator, reading external weights from the artifact's own files."""

    class Evaluator(ReferenceEvaluator):  # type: ignore[misc]
        def retrieve_external_data(self, initializer: onnx.TensorProto) -> np.ndarray[Any, Any]:
            return _external(initializer, files)

    return Evaluator


def _external(initializer: onnx.TensorProto, files: Mapping[str, bytes | Path]) -> np.ndarray[Any, Any]:
    where = {entry.key: entry.value for entry in initializer.external_data}
    if where.get("location") not in files:
        raise InvalidModel(f"tensor {initializer.name!r} needs the file {where.get('location')!r}, which is not there")
    loaded = onnx.TensorProto(name=initializer.name, data_type=initializer.data_type, dims=initializer.dims)
    # Where the file says no length, it is what the elements take: others may lie behind them.
    bits = math.prod(initializer.dims) * DTYPE_BITS[element_dtype(initializer.data_type).name]
    length = int(where.get("length", -(-bits // 8)))
    loaded.raw_data = content_of(files[where["location"]], int(where.get("offset", 0)), length)
    array: np.ndarray[Any, Any] = onnx.numpy_helper.to_array(loaded)
    return array
