"""Operators as a quantizer sees them: which have a weight, a bias, channels, and which are merged into another."""

from __future__ import annotations

#: The channel axis of a weight, where QNN takes one scale per channel; Gemm's follows from an attribute.
CHANNEL_AXIS = {"Conv": 0, "ConvTranspose": 1}

#: Operators whose second input is a weight when it is constant; the third, if any, is the bias.
WEIGHTED = frozenset(
    (
        *("Conv", "ConvTranspose", "Gemm", "MatMul", "PRelu"),
        *("LayerNormalization", "InstanceNormalization", "BatchNormalization"),
    )
)

#: Operators that onnxruntime merges into the one before when that quantizes their range anyway.
MERGED = ("Relu", "Clip")

#: Operators whose third input is a bias.
BIASED = ("Conv", "ConvTranspose", "Gemm", "LayerNormalization", "InstanceNormalization")
