"""What the HTP and Qualcomm's compiler for it want of a quantized model, each rule with what was seen without it."""

from __future__ import annotations

from zif.plugin import FixedRange, QuantizationRules, WeightType

RULES = QuantizationRules(
    # A quantized range has a zero in it, and cannot stand in for a Clip to 1 … 6; behind a convolution, an Add or a
    # product the compiler drops such a Clip all the same. With one scale for all channels it gets some
    # BatchNormalizations wrong before a Relu.
    split_clips=True,
    batch_normalization_as_conv=True,
    # Of two computed values, 16 bits are multiplied in a MatMul only.
    matmul_for_gemm=True,
    # It pads in the encoding of the input, whatever that of the result says.
    pads_in_input_encoding=True,
    # 16-bit Sigmoid and Tanh are computed in one encoding.
    fixed_ranges=(FixedRange("Sigmoid", 0.0, 1.0, bits=(16,)), FixedRange("Tanh", -1.0, 1.0, bits=(16,))),
    # A weight in 16 bits has one scale. A MatMul with a scale per column is right in every rank that is taken, and 8 dB
    # nearer to float beside 16 bits.
    per_channel=("Conv", "ConvTranspose", "Gemm", "MatMul"),
    per_channel_bits=(4, 8),
    # No other gamma is taken, so that every LayerNormalization would stay on the CPU; the compiler gives up on slopes
    # per channel as uint16.
    weight_types=(
        WeightType("LayerNormalization", "uint8"),
        WeightType("InstanceNormalization", "uint8"),
        WeightType("PRelu", "int16", beside=(16,)),
    ),
    # Elsewhere the compiler refuses four bits, dies of them, or computes something else: in 3-D convolutions, where a
    # channel is one number, and beside a bias where there is one scale.
    int4=("Conv", "ConvTranspose", "Gemm", "MatMul", "PRelu"),
    int4_max_rank=4,
    int4_single_values=False,
    int4_scale_with_bias=False,
    # Beside 16 bits it makes nonsense of a channel whose scale is a 40000th of the others', and at 2**-17 the emulator
    # gave up; beside a dead channel it computed zeros for all. All channels are computed in the steps of the finest.
    least_channel_scale=2.0**-10,
    equal_bias_steps=True,
)
