"""Converting with tf2onnx, and running the source with TensorFlow."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from zif import InvalidModel, Unsupported, UsageError
from zif.plugin import Imported, Request, key_of, label_of, opset_of

from zif_tensorflow import keras2, running
from zif_tensorflow.running import Runnable
from zif_tensorflow.sources import kind_of, toolchain
from zif_tensorflow.turning import outputs_as_nchw

#: What tf2onnx 1.17 writes.
OPSETS = (9, 18)
_BYTES = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
#: Which integers quantization can have in those; what is added to products has 32 bits.
_STEPS = {"QuantizeLinear": _BYTES, "DequantizeLinear": (*_BYTES, onnx.TensorProto.INT32)}
_FLAGS = {"tflite": "--tflite", "graph": "--graphdef"}

#: What is loaded in this process; names of what was written, and the inputs and outputs that were turned, by source.
_loaded: dict[str, Runnable] = {}
_ends: dict[str, tuple[dict[str, str], dict[str, str], tuple[str, ...], tuple[str, ...]]] = {}


def exported(source: Any, request: Request, folder: Path) -> Imported:
    """The source as ONNX in the folder. Raises InvalidModel, Unsupported naming the operator, UsageError."""
    opset = request.opset_within(*OPSETS)
    if not OPSETS[0] <= opset <= OPSETS[1]:
        raise UsageError(f"opset {opset}: tf2onnx writes opsets {OPSETS[0]} to {OPSETS[1]}")
    loaded = _load(source, request)
    unknown = [name for name in request.shapes if name not in loaded.inputs]
    if unknown:
        raise UsageError(f"{label_of(source)} has no input {unknown[0]!r}; it has {', '.join(loaded.inputs)}")
    path = folder / "model.onnx"
    turned = _turned(loaded, request)
    said = _converted(_words(source, loaded, request, turned), path, opset, label_of(source))
    names = _renamed(path, loaded)
    _shape(path, _asked(request, turned), label_of(source))
    turned_outputs = outputs_as_nchw(path) if request.layout == "nchw" else ()
    _ends[key_of(source)] = (*names, turned, turned_outputs)
    proto = onnx.load(path, load_external_data=False)
    _check_steps(proto, label_of(source))
    ends = [f"the input {name!r}" for name in turned] + [f"the output {name!r}" for name in turned_outputs]
    return Imported(
        "model.onnx",
        f"tf2onnx ({toolchain()})",
        opset_of(proto),
        {name: name for name in loaded.inputs},
        {name: name for name in loaded.outputs},
        layout=tuple(f"{end} is NCHW, where the source has NHWC" for end in ends),
        notes=(*loaded.notes, *said),
        example=_example(proto),
    )


def _load(source: Any, request: Request) -> Runnable:
    key = key_of(source)
    if key not in _loaded:
        kind = kind_of(source) if isinstance(source, Path) else "object"
        _loaded[key] = running.load(source, kind, request.trust)
    return _loaded[key]


def _turned(loaded: Runnable, request: Request) -> tuple[str, ...]:
    """The inputs that become NCHW."""
    if request.layout != "nchw":
        return ()
    return tuple(name for name, shape in loaded.inputs.items() if len(shape) == 4)


def _words(source: Any, loaded: Runnable, request: Request, turned: Sequence[str]) -> list[str]:
    """The command line of tf2onnx."""
    kind = kind_of(source) if isinstance(source, Path) else "object"
    if kind in _FLAGS:
        words = [_FLAGS[kind], str(source)]
    else:
        words = ["--saved-model", str(loaded.saved(keras2.scratch()))]
        kind = "saved_model"
    if kind == "graph":
        words += ["--inputs", ",".join(_sized(loaded.tensors[name], name, request) for name in loaded.inputs)]
        words += ["--outputs", ",".join(loaded.tensors[name] for name in loaded.outputs)]
    elif request.shapes and kind != "tflite":  # of which tf2onnx takes the shapes as they are
        words += ["--inputs", ",".join(_sized(loaded.tensors[name], name, request) for name in loaded.inputs)]
    if turned:
        words += ["--inputs-as-nchw", ",".join(loaded.tensors[name] for name in turned)]
    return words


def _sized(tensor: str, name: str, request: Request) -> str:
    dims = request.shapes.get(name)
    return f"{tensor}[{','.join(map(str, dims))}]" if dims else tensor


def _converted(words: Sequence[str], path: Path, opset: int, label: str) -> list[str]:
    """Run tf2onnx; gives what it warned of."""
    if importlib.util.find_spec("tf2onnx") is None:
        raise ModuleNotFoundError("No module named 'tf2onnx'", name="tf2onnx")
    command = [sys.executable, "-m", "tf2onnx.convert", *words, "--opset", str(opset), "--output", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    said = done.stderr.splitlines()
    named = re.search(r"Tensorflow op \[[^:\]]*: (\w+)\] is not supported", done.stderr) or re.search(
        r"(?:Unsupported ops?|ops? (?:are|is) not supported)\D*?'?([A-Z]\w+)", done.stderr
    )
    if named:
        raise Unsupported(f"{label}: the operator {named[1]} cannot be said in ONNX by tf2onnx: replace it")
    if done.returncode == 0 and path.is_file():  # also where it leaves an operator of TensorFlow's as it is
        return _warnings(said)
    last = next((line.strip() for line in reversed(said) if line.strip()), "it ended without a word")
    raise InvalidModel(f"{label} cannot be converted by tf2onnx: {last[:300]}")


def _check_steps(proto: onnx.ModelProto, label: str) -> None:
    """tf2onnx writes quantization to 16 and 64 bits as well, which its opsets do not have."""
    types = {initializer.name: initializer.data_type for initializer in proto.graph.initializer}
    steps = [node for node in proto.graph.node if node.op_type in _STEPS and len(node.input) == 3]
    if any(types.get(node.input[2], onnx.TensorProto.INT8) not in _STEPS[node.op_type] for node in steps):
        raise Unsupported(
            f"{label} is quantized to 16 bits, which tf2onnx cannot say in ONNX: quantize to int8, or give the model "
            f"in float, and `zif quantize --precision w8a16` quantizes that"
        )


def _warnings(lines: Sequence[str]) -> list[str]:
    warnings_ = [match[1] for line in lines if (match := re.search(r"- (?:WARNING|ERROR) - \S+: (.*)", line))]
    return list(dict.fromkeys(text for text in warnings_ if "Consider" not in text))[:5]


def _renamed(path: Path, loaded: Runnable) -> tuple[dict[str, str], dict[str, str]]:
    """The ends under the names that the source has, where they are free. Gives source names by ONNX names, of both."""
    proto = onnx.load(path)
    graph = proto.graph
    inputs = _matched([value.name for value in graph.input], loaded.inputs, loaded.tensors)
    outputs = _matched([value.name for value in graph.output], loaded.outputs, loaded.tensors)
    new = {**inputs, **outputs}
    taken = {name for node in graph.node for name in (*node.input, *node.output)} - set(new)
    new = {old: name for old, name in new.items() if name not in taken}
    for node in graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output):
        value.name = new.get(value.name, value.name)
    onnx.save(proto, path)
    back = [{new.get(old, old): name for old, name in table.items()} for table in (inputs, outputs)]
    return back[0], back[1]


def _asked(request: Request, turned: Sequence[str]) -> dict[str, Sequence[int]]:
    """The shapes that were asked for, as the ONNX model has them."""
    return {
        name: tuple(dims[at] for at in (0, 3, 1, 2)) if name in turned and len(dims) == 4 else dims
        for name, dims in request.shapes.items()
    }


def _shape(path: Path, shapes: Mapping[str, Sequence[int]], label: str) -> None:
    """Give open dimensions of inputs the size that was asked for. Raises UsageError where the source has another."""
    proto = onnx.load(path)
    for value in proto.graph.input:
        dims = value.type.tensor_type.shape.dim
        for dim, size in zip(dims, shapes.get(value.name, ()), strict=False):
            if dim.dim_value and dim.dim_value != size:
                has = ",".join(str(dim.dim_value or "?") for dim in dims)
                raise UsageError(f"{label}: the input {value.name!r} has the shape {has}, and keeps it")
            dim.dim_value = size
    if shapes:
        onnx.save(proto, path)


def _matched(names: Sequence[str], wanted: Iterable[str], tensors: Mapping[str, str]) -> dict[str, str]:
    """The source's name of each end: by the tensor behind it, else in their order."""
    wanted = list(wanted)
    by_tensor = {tensors.get(name, name): name for name in wanted}
    short = {tensor.partition(":")[0]: name for tensor, name in by_tensor.items()}
    made = {name: by_tensor.get(name) or short.get(name.partition(":")[0]) or "" for name in names}
    if all(made.values()) and len(set(made.values())) == len(made):
        return made
    if all(name in wanted for name in names):
        return {name: name for name in names}
    return dict(zip(names, wanted, strict=False))


def _example(proto: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """A shape for inputs that leave dimensions open: 1 for each of those."""
    shapes = {
        value.name: tuple(dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim) for value in proto.graph.input
    }
    is_open = any(not dim.dim_value for value in proto.graph.input for dim in value.type.tensor_type.shape.dim)
    return shapes if is_open else {}


def computed(source: Any, request: Request, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What TensorFlow gives, under the names that the ONNX model has, and in its layout."""
    into, out, turned, turned_outputs = _ends[key_of(source)]
    feeds = {into.get(name, name): np.asarray(value) for name, value in inputs.items()}
    feeds = {name: value.transpose(0, 2, 3, 1) if name in turned else value for name, value in feeds.items()}
    made = _load(source, request).run(feeds)
    outputs = {name: np.asarray(made[out.get(name, name)]) for name in out}
    return {name: value.transpose(0, 3, 1, 2) if name in turned_outputs else value for name, value in outputs.items()}
