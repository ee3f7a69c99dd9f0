"""The NPU of an Intel Core Ultra processor. It computes floats in 16 bits only, and has no options here."""

from __future__ import annotations

from typing import Any

from zif import NoOptions, Rates

from zif_openvino.device import Device


def settings(_: NoOptions) -> dict[str, Any]:
    """None in OpenVINO's words."""
    return {}


#: Of no chip in particular: the first generation of 2023, whose memory is the processor's.
RATES = Rates(
    {"fp16": 2.9e12, "int8": 5.75e12},
    bytes_per_s=6e10,
    op_us=2.0,
    launch_us=200.0,
    link_us=20.0,
    watts=6.0,
    source="estimated: 11.5 TOPS in int8, as Intel gives for Core Ultra",
)
npu = Device("NPU", "npu", NoOptions, settings, 0.9, "fp16", RATES, "it needs an Intel Core Ultra and its NPU driver")
