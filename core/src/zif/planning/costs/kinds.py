"""What kind of work an operator is, as far as its cost goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: What the cost of a unit is counted in, and the unit of each count. Padded: as the NPU lays data out, with channels
#: in blocks of 32 and rows of eight. A model's cost is the sum over its units, so each count adds up.
FEATURES: Final[Mapping[str, str]] = {
    "op": "operators that do work of their own",
    "conv": "padded GMAC of convolutions and of products with weights",
    "conv3d": "padded GMAC of convolutions over three axes, on top of what counts as conv",
    "depthwise": "padded MMAC of depthwise convolutions, 3 × 3 and smaller",
    "depthwise_large": "padded MMAC of depthwise convolutions with larger kernels",
    "attention": "padded GMAC of products of two activations",
    "weights": "million weights read",
    "traffic": "million padded elements into and out of convolutions and products with weights",
    "attention_traffic": "million padded elements of the first factor and the result of products of two activations",
    "operand": "million padded elements of the second factor of products of two activations",
    "products": "thousand matrices multiplied in products of two activations",
    "spill": "million padded elements beyond four that a convolution or product of activations reads and makes",
    "elementwise": "million padded elements through elementwise operators and depthwise convolutions",
    "picture": "million padded elements of a picture that the model is handed with its channels second",
    "transcendental": "million padded elements through sigmoid, erf, tanh, exp and their like",
    "softmax": "million padded elements through a softmax",
    "norm": "million padded elements through a normalisation",
    "reduce": "million padded elements into a reduction",
    "pool": "million padded elements into and out of a maximum pool",
    "average_pool": "million padded elements into and out of an average pool",
    "transpose": "million padded elements transposed",
    "concat": "million padded elements copied together; what a convolution just made is written in place",
    "slice": "million padded elements sliced, split, gathered or resized",
    "pad": "million padded elements out of a Pad",
    "reshape": "million padded elements whose shape changes",
}

#: What a file of costs may leave out, and has it for nothing then: files that were fitted before it was counted.
OPTIONAL: Final = frozenset({"operand", "products", "spill", "picture"})

_OPS: Final[Mapping[str, str]] = {
    "elementwise": """Add Sub Mul Div Relu Clip Min Max Abs Neg LeakyRelu PRelu Cast CastLike Where Sum Mean Mod Sign
        Floor Ceil Round Not And Or Xor Equal Less LessOrEqual Greater GreaterOrEqual IsNaN IsInf ThresholdedRelu Shrink
        BatchNormalization QuantizeLinear DequantizeLinear DynamicQuantizeLinear BitShift BitwiseAnd BitwiseOr
        BitwiseXor BitwiseNot Trilu Dropout""",
    "transcendental": """Sigmoid HardSwish HardSigmoid Swish QuickGelu Erf Tanh Gelu FastGelu BiasGelu Exp Log Sqrt Pow
        Reciprocal Softplus Softsign Mish Elu Selu Celu Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh""",
    "softmax": "Softmax LogSoftmax Hardmax TopK NonMaxSuppression Unique CumSum",
    "norm": """LayerNormalization InstanceNormalization GroupNormalization RMSNormalization LpNormalization LRN
        MeanVarianceNormalization SkipLayerNormalization SimplifiedLayerNormalization EmbedLayerNormalization
        SkipSimplifiedLayerNormalization RotaryEmbedding""",
    "reduce": """ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
        ReduceSumSquare GlobalAveragePool GlobalMaxPool GlobalLpPool ArgMax ArgMin""",
    "pool": "MaxPool MaxRoiPool MaxUnpool",
    "average_pool": "AveragePool LpPool RoiAlign",
    "transpose": "Transpose",
    "concat": "Concat",
    "slice": """Slice Split Gather GatherElements GatherND ScatterElements ScatterND Scatter Expand Tile Resize Upsample
        DepthToSpace SpaceToDepth GridSample OneHot Compress ReverseSequence CenterCropPad Col2Im NonZero""",
    "pad": "Pad",
    "reshape": "Reshape Flatten Squeeze Unsqueeze",
    "free": "Identity Shape Size Constant ConstantOfShape Range EyeLike RandomNormal RandomUniform",
    "conv": "Conv ConvInteger QLinearConv FusedConv ConvTranspose DeformConv",
    "product": "MatMul Gemm MatMulInteger QLinearMatMul MatMulNBits FusedMatMul FusedGemm Einsum",
    "attention": "Attention MultiHeadAttention GroupQueryAttention",
    "recurrent": "LSTM GRU RNN",
}
_BY_OP: Final = {op: kind for kind, ops in _OPS.items() for op in ops.split()}

#: Elementwise operators that an engine applies on the way out of the operator before, without another pass.
FOLLOWERS: Final = frozenset({"Relu", "Clip", "BatchNormalization", "Add", "Mul", "Div"})

#: x · gate(x) is one operator to an engine.
GATES: Final = frozenset({"Sigmoid", "HardSigmoid"})

#: Kinds after which the second axis no longer holds a picture's channels.
UNFOLDING: Final = frozenset({"product", "attention", "recurrent", "transpose", "reshape", "norm"})


def kind_of(op_type: str, macs: int) -> str:
    """The kind of an operator; an unknown one is a product when it multiplies and elementwise when it does not."""
    return _BY_OP.get(op_type) or ("product" if macs else "elementwise")
