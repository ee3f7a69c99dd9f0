"""What users call today: onnxruntime's quantizer as its documentation has it, for Qualcomm's chips and in general."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import QuantFormat, QuantType, quantize, quantize_static
from onnxruntime.quantization.execution_providers.qnn import get_qnn_qdq_config, qnn_preprocess_model
from onnxruntime.quantization.shape_inference import quant_pre_process
from zif_quantize.ort.tools import quiet

Samples = Sequence[Mapping[str, Any]]


def for_qnn(proto: onnx.ModelProto, samples: Samples, precision: str) -> onnx.ModelProto:
    """`qnn_preprocess_model`, `get_qnn_qdq_config`, `quantize`: what was observed, one uint8 scale per weight."""
    with tempfile.TemporaryDirectory() as folder, quiet():
        start, ready, done = (Path(folder) / f"{name}.onnx" for name in ("start", "ready", "done"))
        onnx.save(_bare(proto), start)
        if not qnn_preprocess_model(start, ready, fuse_layernorm=True):
            ready = start
        activation = _activation(precision)
        config = get_qnn_qdq_config(ready, _Reader(samples), activation_type=activation, weight_type=QuantType.QUInt8)
        quantize(ready, done, config)
        return onnx.load(done)


def static(proto: onnx.ModelProto, samples: Samples, precision: str) -> onnx.ModelProto:
    """`quant_pre_process` and `quantize_static` to QDQ: least and greatest values, int8 weights per channel."""
    with tempfile.TemporaryDirectory() as folder, quiet():
        start, ready, done = (Path(folder) / f"{name}.onnx" for name in ("start", "ready", "done"))
        onnx.save(_bare(proto), start)
        quant_pre_process(start, ready)
        quantize_static(
            ready,
            done,
            _Reader(samples),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=_activation(precision),
            weight_type=QuantType.QInt8,
        )
        return onnx.load(done)


RECIPES = {"qnn": for_qnn, "static": static}


def _activation(precision: str) -> Any:
    return QuantType.QUInt16 if precision.endswith("16") else QuantType.QUInt8


def _bare(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Without metadata, with which qnn_preprocess_model fails."""
    made = onnx.ModelProto()
    made.CopyFrom(proto)
    del made.metadata_props[:]
    return made


class _Reader:
    def __init__(self, samples: Samples) -> None:
        self._samples = iter(samples)

    def get_next(self) -> Mapping[str, Any] | None:
        return next(self._samples, None)
