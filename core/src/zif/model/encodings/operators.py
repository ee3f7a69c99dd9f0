"""Operators as a quantizer sees them: which have a weight, a bias, channels, which only move data, which are merged."""

from __future__ import annotations

#: The axis of the output channels in a weight that may have a scale for each; Gemm's follows from an attribute.
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

#: Operators that only move data: all that comes out is in the first input, in other places, repeated, or not at all.
#: Whoever asks more broadly adds to them and says why: Pad puts in a number of its own, Concat joins several inputs,
#: MaxPool chooses, Relu and Clip cut off, Cast writes in another type. Dropout moves where nobody trains.
MOVES = frozenset(
    (
        *("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Dropout", "Slice", "Split"),
        *("Gather", "GatherElements", "GatherND", "Expand", "Tile", "DepthToSpace", "SpaceToDepth"),
    )
)
