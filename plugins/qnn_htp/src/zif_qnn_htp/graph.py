"""A model as Qualcomm's compiler for the HTP takes it: what it fuses or encodes wrongly is written otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from zif_qnn_runtime.graph import Graph, open_shape
from zif_qnn_runtime.graph import build as _build

from zif_qnn_htp.encodings import fix
from zif_qnn_htp.hardswish import unfuse

if TYPE_CHECKING:
    import onnx
    from zif import Model


def build(model: Model, *, invent_weights: bool = False) -> Graph:
    """The compiler's form of a model; see `zif_qnn_runtime.graph.build`."""
    return _build(model, invent_weights=invent_weights, rewrite=_rewrite)


def _rewrite(graph: onnx.GraphProto, model: Model) -> Mapping[str, str]:
    unfuse(graph)
    return fix(graph, model)


__all__ = ["Graph", "build", "open_shape"]
