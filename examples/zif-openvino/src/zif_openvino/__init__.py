"""OpenVINO's devices as zif backends, one for each: this module is the CPU's, `gpu` and `npu` are beside it.

A backend is what a plan places units on: it has a processor, rates, verdicts, options and observations of its own. All
of these differ from device to device, so each device is a backend, and what they share is the class `Device`.
"""

from __future__ import annotations

from typing import Any, Literal

import attrs

from zif_openvino.device import Device


@attrs.frozen
class Options:
    num_threads: int = attrs.field(
        default=0, validator=attrs.validators.ge(0), metadata={"help": "threads to use; 0: OpenVINO's choice"}
    )
    precision: Literal["f32", "bf16", "f16"] = attrs.field(
        default="f32", metadata={"help": "what floats may be computed in"}
    )


def settings(options: Options) -> dict[str, Any]:
    """The options in OpenVINO's words."""
    return {"INFERENCE_PRECISION_HINT": options.precision, "INFERENCE_NUM_THREADS": options.num_threads}


cpu = Device("CPU", "cpu", Options, settings, power_efficiency=0.3)
