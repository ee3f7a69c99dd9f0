"""The `qnn_gpu` backend: the Adreno GPU of a Snapdragon through Qualcomm's libQnnGpu, and an emulator elsewhere.

What a model's units can do there is asked from libQnnGpu itself, also on a machine without the GPU. The emulator stores
every tensor in fp16 and computes with ONNX Runtime on the CPU; it says so everywhere, and is not libQnnGpu.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zif import Capabilities, Compiled, Converted, Executable, Target, hookimpl

if TYPE_CHECKING:
    from zif import Model

    from zif_qnn_gpu.options import GpuOptions

# ONNX Runtime reports to its makers by default, and keeps a database in HOME and a file in TMPDIR for it. It decides
# when it is imported, which nothing here has done yet; who wants it sets the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@hookimpl
def capabilities(target: Target, model: Model | None) -> Capabilities:
    """What the target's GPU can do; with a model, libQnnGpu's verdict on each of its units."""
    from zif_qnn_gpu.report import report

    return report(target, model)


@hookimpl
def convert(model: Model) -> Converted:
    """The segment as ONNX. Raises Unsupported for open shapes."""
    from zif_qnn_gpu.artifact import convert

    return convert(model)


@hookimpl
def load(compiled: Compiled, options: GpuOptions) -> Executable:
    """Open a segment on the GPU of this machine, or in the emulator where there is none.

    An artifact is the segment's ONNX model: libQnnGpu compiles its kernels for the GPU that it finds.
    """
    from zif_qnn_gpu.executable import load

    return load(compiled, options)
