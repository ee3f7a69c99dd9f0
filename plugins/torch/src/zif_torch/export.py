"""Exporting with torch.onnx, whose traps are looked for: another opset than asked, and what only one exporter can."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from attrs import frozen
from zif import InvalidModel, Unsupported, UsageError
from zif.plugin import Imported, Request, key_of, label_of, opset_of

from zif_torch import arguments, outputs
from zif_torch.arguments import Arguments
from zif_torch.loading import inference
from zif_torch.ties import FirstFirst

#: The opsets that torch's two exporters write.
_WRITES = {"dynamo": (18, 23), "older": (9, 20)}
#: The names of inputs and outputs of what was written in this process, by source.
_ends: dict[str, tuple[list[str], list[str]]] = {}


@frozen
class _Attempt:
    """One exporter on one model: the file, or why not."""

    name: str
    problem: str = ""
    operator: str = ""


def exported(source: Any, request: Request, folder: Path) -> Imported:
    """The source as ONNX in the folder. Raises InvalidModel, Unsupported naming the operator, UsageError."""
    if request.layout == "nhwc":
        raise UsageError("layout nhwc: PyTorch's pictures are NCHW, and stay so; `source` and `nchw` keep them")
    label = label_of(source)
    path = folder / "model.onnx"
    notes: list[str] = []
    with inference(source) as model:
        values = arguments.of(model, request, source)
        used = _written(model, values, request, path, notes, label)
        proto = onnx.load(path, load_external_data=False)
        outputs.named(path, proto, model, values)
    got = opset_of(proto)
    if request.opset and got != request.opset:
        notes.append(f"opset {request.opset} was asked for, and the exporter wrote {got}")
    ends = [value.name for value in proto.graph.input]
    _ends[key_of(source)] = (ends, [value.name for value in proto.graph.output])
    example = dict(zip(ends, (tuple(value.shape) for value in values.values), strict=False))
    return Imported(
        "model.onnx",
        f"torch.onnx.export {torch.__version__} ({used})",
        got,
        dict(zip(values.names, ends, strict=False)),
        notes=tuple(notes),
        example=example if _is_open(proto) else {},
    )


def _is_open(proto: onnx.ModelProto) -> bool:
    return any(not dim.dim_value for value in proto.graph.input for dim in value.type.tensor_type.shape.dim)


def _written(model: Any, arguments: Arguments, request: Request, path: Path, notes: list[str], label: str) -> str:
    """Try the exporters in the order that fits; gives the name of the one that wrote the file."""
    attempts: list[_Attempt] = []
    for name in _order(model, request.opset, label):
        opset = request.opset_within(*_WRITES[name])
        attempt = _attempt(name, model, arguments, opset, path, notes)
        if not attempt.problem:
            if attempts:
                notes.append(f"written by the older exporter, since dynamo said: {attempts[0].problem}")
            return name
        attempts.append(attempt)
    named = next((attempt.operator for attempt in attempts if attempt.operator), "")
    if named:
        raise Unsupported(
            f"{label}: the operator {named} cannot be said in ONNX by torch {torch.__version__}: replace it, or export "
            f"the part before it"
        )
    raise InvalidModel(
        f"{label} cannot be exported: {attempts[0].problem}. A module around it that takes and gives tensors only, and "
        f"does without what is named here, comes in."
    )


def _order(model: Any, asked: int, label: str) -> list[str]:
    """The exporters that take this model and write the opset that is asked for, the newer one first."""
    if isinstance(model, torch.export.ExportedProgram):
        return ["dynamo"]  # also below its least opset, to which it converts where it can
    taken = ["older"] if isinstance(model, torch.jit.ScriptModule) else ["dynamo", "older"]
    order = [name for name in taken if not asked or _WRITES[name][0] <= asked <= _WRITES[name][1]]
    if not order:
        most = max(_WRITES[name][1] for name in taken)
        raise UsageError(f"opset {asked}: {label} can be written in opsets {_WRITES['older'][0]} to {most}")
    return order


def _attempt(name: str, model: Any, arguments: Arguments, opset: int, path: Path, notes: list[str]) -> _Attempt:
    about: dict[str, Any] = {"opset_version": opset, "dynamo": name == "dynamo"}
    if not isinstance(model, torch.export.ExportedProgram):
        about["input_names"] = list(arguments.names)
    if name == "dynamo":
        about["external_data"] = _is_large(model)
    with _quiet() as heard:
        try:
            args, kwargs = arguments.split(arguments.values)
            torch.onnx.export(model, args, str(path), kwargs=kwargs or None, **about)
        except (Exception, SystemExit) as error:
            return _Attempt(name, _sentence(error), _operator(error))
    notes += [text for text in dict.fromkeys(heard) if text not in notes]
    if not path.is_file():
        return _Attempt(name, "the exporter wrote no file")
    return _Attempt(name)


def _is_large(model: Any) -> bool:
    """Whether the weights come near the 2 GiB that one file holds."""
    state = model.state_dict if isinstance(model, torch.export.ExportedProgram) else model.state_dict()
    values = state.values() if isinstance(state, Mapping) else ()
    size = sum(value.numel() * value.element_size() for value in values if isinstance(value, torch.Tensor))
    return bool(size > 1 << 30)


@contextlib.contextmanager
def _quiet() -> Iterator[list[str]]:
    """What exporters warn of, as sentences instead of on the terminal."""
    heard: list[str] = []
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        level = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            yield heard
        finally:
            logging.disable(level)
            heard += [text for warning in caught if (text := _warned(warning))]


def _warned(warning_message: warnings.WarningMessage) -> str:
    """A warning of tracing or exporting that is about the model; deprecations are about torch."""
    if issubclass(warning_message.category, (DeprecationWarning, FutureWarning, PendingDeprecationWarning)):
        return ""
    text = " ".join(str(warning_message.message).split())
    return text if re.search(r"trace|export|dynamic|constant|opset", text, re.IGNORECASE) else ""


def _sentence(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "its code calls for the end of the process"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [
        line for line in lines if re.search(r"error|unsupported|not support|no decomposition", line, re.IGNORECASE)
    ]
    text = (causes or lines or [type(error).__name__])[0]
    cause = error.__cause__
    if cause is not None and str(cause).strip():
        text = str(cause).strip().splitlines()[0]
    return text[:300]


def _operator(error: BaseException | None) -> str:
    """The operator that an exporter names in an error, or in what caused it."""
    while error is not None:
        match = re.search(r"([A-Za-z_]\w*::\w+)", str(error)) or re.search(r"OpOverload\(op='(\w+\.\w+)", str(error))
        if match and re.search(
            r"unsupported|not support|no decomposition|no ONNX function|Dispatch", str(error), re.IGNORECASE
        ):
            return match[1].replace(".", "::")
        error = error.__cause__ or error.__context__
    return ""


def computed(source: Any, request: Request, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What torch gives, under the names that the exported model has: outputs in their order."""
    names, ends = _ends[key_of(source)]
    with inference(source) as model:
        example = arguments.of(model, request, source)
        pairs = zip(names, example.values, strict=False)
        values = [torch.from_numpy(np.array(inputs[name])).to(like.dtype) for name, like in pairs]
        with FirstFirst():
            tensors = outputs.tensors_in(outputs.called(model, example, values))
    return {name: _array(tensor) for name, tensor in zip(ends, tensors, strict=False)}


def _array(tensor: torch.Tensor) -> Any:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()  # numpy has no bfloat16
