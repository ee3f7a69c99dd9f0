"""A segment as an artifact: its ONNX model, for whichever GPU or emulator opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif import Converted, Obstacle, Unsupported
from zif_qnn_runtime import status

from zif_qnn_gpu.report import verdicts_on

if TYPE_CHECKING:
    from zif import Model

BACKEND = "qnn_gpu"


def convert(model: Model) -> Converted:
    """The segment itself, each of whose units is asked about again, as it stands in the segment.

    Raises Unsupported naming the units that are not taken.
    """
    verdicts, notes = verdicts_on(model, emulated=not status("gpu").available)
    obstacles = [
        Obstacle(unit.id, unit.op_type, BACKEND, verdicts[unit.id].code, verdicts[unit.id].reason)
        for unit in model.units
        if verdicts[unit.id].supported is False
    ]
    if obstacles:
        rows = "\n".join(
            f"  {obstacle.unit} ({obstacle.op_type}): {obstacle.reason} [{obstacle.code}]"
            for obstacle in obstacles[:10]
        )
        raise Unsupported(f"{model.name}: {len(obstacles)} units do not run on the GPU\n{rows}", obstacles)
    return Converted("onnx", model, model.inputs, model.outputs, notes)
