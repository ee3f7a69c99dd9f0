"""A segment as an artifact: its ONNX model, for whichever GPU or emulator opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif import Converted, Obstacle, Unsupported
from zif_qnn_runtime.graph import open_shape

if TYPE_CHECKING:
    from zif import Model

BACKEND = "qnn_gpu"


def convert(model: Model) -> Converted:
    """The segment itself. Raises Unsupported naming the units whose shapes are open."""
    obstacles = [
        Obstacle(unit.id, unit.op_type, BACKEND, "dynamic-shape", f"the shape of {value.name!r} is not fixed")
        for unit in model.units
        if (value := open_shape(model, unit)) is not None
    ]
    if obstacles:
        rows = "\n".join(f"  {one.unit} ({one.op_type}): {one.reason} [{one.code}]" for one in obstacles[:10])
        raise Unsupported(f"{model.name}: {len(obstacles)} units have open shapes\n{rows}", obstacles)
    return Converted("onnx", model, model.inputs, model.outputs)
