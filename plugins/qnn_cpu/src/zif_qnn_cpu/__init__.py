"""The `qnn_cpu` backend: the host CPU of a Snapdragon.

It runs on ONNX Runtime's CPU provider, everywhere that ONNX Runtime does, and on Qualcomm's libQnnCpu where
QNN_SDK_ROOT has it and `engine` asks for it. What it takes is read from the engine's own kernel registry, asked of the
engine where the registry does not decide, and corrected by what was observed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zif import Capabilities, Compiled, Executable, Target, hookimpl

from zif_qnn_cpu.options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zif import Model, Verdict

# ONNX Runtime reports to its makers by default, and keeps a database in HOME and a file in TMPDIR for it. It decides
# when it is imported, which nothing here has done yet; who wants it sets the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@hookimpl
def capabilities(target: Target, model: Model | None) -> Capabilities:
    """The kernel registry; with a model, a verdict on each of its units. Prices are the target's own figures."""
    from zif_qnn_cpu.engines import notes, toolchain
    from zif_qnn_cpu.kernels import claims

    # No max_tensor_bytes: ONNX Runtime counts bytes in 64 bits, and a value of 2.2 GiB came out right.
    return Capabilities(
        processor="cpu",
        toolchain=toolchain(),
        ops=claims(),
        preferred_precision="fp32",
        power_efficiency=0.3,
        options=Options,
        config_sections=("cpu_config",),
        verdicts={} if model is None else _verdicts(model),
        notes=notes(target),
        exact={"graph_optimization_level": "disabled"},
    )


def _verdicts(model: Model) -> Mapping[str, Verdict]:
    from zif_qnn_cpu.verdicts import verdicts

    return verdicts(model)


@hookimpl
def load(compiled: Compiled, options: Options, shared: bool) -> Executable:
    """Open the segment's ONNX model in the engine that the options name."""
    from zif_qnn_cpu.engines import open_executable

    return open_executable(compiled, options, shared)
