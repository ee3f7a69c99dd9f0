"""The GPU of an Intel processor, or a card of Intel's."""

from __future__ import annotations

from typing import Any, Literal

import attrs
from zif import Rates

from zif_openvino.device import Device


@attrs.frozen
class Options:
    precision: Literal["f32", "f16"] = attrs.field(default="f16", metadata={"help": "what floats may be computed in"})


def settings(options: Options) -> dict[str, Any]:
    """The options in OpenVINO's words."""
    return {"INFERENCE_PRECISION_HINT": options.precision}


#: Of no chip in particular: an integrated GPU with 96 units at 2 GHz, whose memory is the processor's.
RATES = Rates(
    {"fp32": 1.2e12, "fp16": 2.4e12, "int8": 4.8e12},
    bytes_per_s=4e10,
    op_us=5.0,
    launch_us=100.0,
    link_us=20.0,
    watts=20.0,
    source="estimated: Iris Xe with 96 units",
)
gpu = Device("GPU", "gpu", Options, settings, 0.5, "fp16", RATES, "it needs Intel's GPU and its OpenCL driver")
