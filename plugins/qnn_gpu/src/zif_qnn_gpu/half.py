"""A graph in float16 for the real GPU: the types themselves, since libQnnGpu computes in the types that it is given."""

from __future__ import annotations

import onnx


def halved(data: bytes) -> bytes:
    """The model with float16 between its inputs and outputs, which keep their types.

    By ONNX Runtime's own converter; what it leaves in fp32 stands between casts. Weights beyond fp16's range are
    brought to its ends.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load_model_from_string(data)
    halved: onnx.ModelProto = convert_float_to_float16(model, keep_io_types=True, disable_shape_infer=True)
    return bytes(halved.SerializeToString())
