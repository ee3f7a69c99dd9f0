"""Sixteen bits lose next to nothing and eight little, whatever the network looks like."""

from __future__ import annotations

import onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quantized_nets import feeds, ratios
from random_nets import networks
from zif.plugin import FixedRange, QuantizationRules
from zif_qnn_htp.quantizing import RULES as HTP

#: In dB, for the worst output: a sound network of a few operators has 20 more, one that computes something else in
#: 16 bits far less.
LEAST = {"w16a16": 55, "w8a16": 18, "w8a8": 12, "w4a16": 0}

#: A backend that differs from both the default and HTP wherever it can, as one for TFLite's int8 would.
OTHER = QuantizationRules(
    fused=(),
    batch_normalization_as_conv=False,
    merged_activations=False,
    fixed_ranges=[FixedRange("Sigmoid", 0.0, 1.0), FixedRange("Tanh", -1.0, 1.0)],
    signed_activations=True,
    symmetric_activations=True,
    unsigned_weights=False,
    per_channel={"Conv", "ConvTranspose", "Gemm", "MatMul"},
    per_channel_bits={4, 8, 16},
)
RULES = {"default": QuantizationRules(), "HTP": HTP, "other": OTHER}


def check(model: onnx.ModelProto, precision: str, rules: str) -> None:
    onnx.checker.check_model(model, full_check=True)
    found = ratios(model, precision, feeds(model, 6), RULES[rules])
    assert min(found.values()) > LEAST[precision], found


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(networks(), st.sampled_from(sorted(LEAST)), st.sampled_from(sorted(RULES)))
def test_quantizing_computes_the_same(model: onnx.ModelProto, precision: str, rules: str) -> None:
    check(model, precision, rules)
