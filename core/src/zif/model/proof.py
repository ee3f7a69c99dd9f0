"""What a graph's outputs must be, told by its operators and not by what its file declares of them.

A file may declare what it likes, in bodies and functions too, and nothing notices: engines compute what the operators
say. When an output is not what was planned, that tells whose mistake it is. Asked for then only: it costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import GraphProto, ModelProto, ValueInfoProto
from onnx.helper import make_tensor_value_info
from onnx.shape_inference import infer_shapes

from zif.files.limits import MADE
from zif.model.defaults import spelled_out
from zif.model.dtypes import numpy_dtype
from zif.model.infer import with_contrib
from zif.model.subgraphs import all_graphs, bodies
from zif.model.types import value_info
from zif.records import TensorInfo

if TYPE_CHECKING:
    from zif.records import Array

Values = Mapping[str, Any]


class Proof:
    """The outputs of a skeleton (see `infer.skeleton`) in a run on given values, asked of ONNX in two ways."""

    def __init__(self, skeleton: Callable[[], ModelProto]) -> None:
        self._make = skeleton

    @cached_property
    def _bare(self) -> ModelProto:
        bare = self._make()
        for graph in (*all_graphs(bare.graph), *_in_functions(bare)):
            _undeclared(graph, outermost=graph is bare.graph)
        for function in bare.functions:
            if hasattr(function, "value_info"):
                del function.value_info[:]
        return bare

    def shown(self, values: Values) -> Mapping[str, TensorInfo]:
        """As operators and the shapes of `values` give them; outputs of which nothing follows are left out."""
        made = ModelProto()
        made.CopyFrom(self._bare)
        for value in made.graph.input:
            if isinstance(values.get(value.name), np.ndarray) and value.type.HasField("tensor_type"):
                element = value.type.tensor_type.elem_type
                value.CopyFrom(make_tensor_value_info(value.name, element, values[value.name].shape))
        try:
            with spelled_out(made):
                outputs = infer_shapes(with_contrib(made), data_prop=True).graph.output
        except Exception:  # a defect of one operator's inference: then nothing is shown
            return {}
        infos = (value_info(value) for value in outputs)
        return {info.name: info for info in infos if info.shape is not None}

    def computed(self, values: Values) -> Mapping[str, Array]:
        """What onnx's own evaluator gives on `values`, with zeros for large weights: of what type, and how large.

        Empty where it cannot: it has not every operator, and nobody knows how long a Loop takes.
        """
        if any(node.op_type == "Loop" for graph in all_graphs(self._bare.graph) for node in graph.node):
            return {}
        try:
            from onnx.reference import ReferenceEvaluator

            feeds = {value.name: self._value(value, values) for value in self._bare.graph.input}
            with np.errstate(all="ignore"):
                made = ReferenceEvaluator(with_contrib(self._bare)).run(None, feeds)
        except Exception:  # whatever an operator raises of what it was not written for
            return {}
        names = (value.name for value in self._bare.graph.output)
        return {name: value for name, value in zip(names, made, strict=True) if isinstance(value, np.ndarray)}

    def _value(self, value: ValueInfoProto, values: Values) -> Any:
        if value.name in values:
            return values[value.name]
        info = value_info(value)
        dtype, shape = numpy_dtype(info.dtype), info.shape
        if shape is None or not all(isinstance(dim, int) for dim in shape):
            raise ValueError(f"nobody knows how large {value.name!r} is")
        dims = tuple(int(dim) for dim in shape if dim is not None)
        if math.prod(dims) * dtype.itemsize > MADE.value:
            raise MemoryError(value.name)
        return np.zeros(dims, dtype)


def _in_functions(bare: ModelProto) -> Iterator[GraphProto]:
    """The bodies of the nodes of functions, with what is nested in them."""
    for function in bare.functions:
        for node in function.node:
            for body in bodies(node):
                yield from all_graphs(body)


def _undeclared(graph: GraphProto, outermost: bool) -> None:
    """Drop the shapes that the file declares of what is computed; a body's inputs are computed, too."""
    del graph.value_info[:]
    for value in (*graph.output, *(() if outermost else graph.input)):
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.ClearField("shape")
