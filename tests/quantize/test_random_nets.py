"""Sixteen bits lose next to nothing and eight little, whatever the network looks like."""

from __future__ import annotations

import onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quantized_nets import feeds, ratios
from random_nets import networks

#: In dB, for the worst output: a sound network of a few operators has 20 more, one that computes something else in
#: 16 bits far less.
LEAST = {"w16a16": 55, "w8a16": 18, "w8a8": 12, "w4a16": 0}


def check(model: onnx.ModelProto, precision: str) -> None:
    onnx.checker.check_model(model, full_check=True)
    found = ratios(model, precision, feeds(model, 6))
    assert min(found.values()) > LEAST[precision], found


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(networks(), st.sampled_from(sorted(LEAST)))
def test_quantizing_computes_the_same(model: onnx.ModelProto, precision: str) -> None:
    check(model, precision)
