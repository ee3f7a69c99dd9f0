"""Converting with jax2onnx, and running the source with JAX."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax2onnx
import numpy as np
import onnx
from zif import InvalidModel, Unsupported, UsageError
from zif.plugin import Imported, Named, Request, first_line, key_of, label_of, made_by, object_of, opset_of, shapes_for

from zif_jax.sources import toolchain

#: What jax2onnx writes.
OPSETS = (21, 23)

_loaded: dict[str, Callable[..., Any]] = {}
_ends: dict[str, tuple[list[str], list[str], bool, list[str]]] = {}


def exported(source: Any, request: Request, folder: Path) -> Imported:
    """The source as ONNX in the folder. Raises InvalidModel, Unsupported naming the primitive, UsageError."""
    opset = request.opset_within(*OPSETS)
    if opset < OPSETS[0]:
        raise UsageError(f"opset {opset}: jax2onnx writes opset {OPSETS[0]} or newer")
    function, label = _load(source), label_of(source)
    names = _names(function, request, source)
    specs = [jax.ShapeDtypeStruct(request.shapes[name], _dtype(request, name)) for name in names]
    turned = [place for place, name in enumerate(names) if request.layout == "nchw" and len(request.shapes[name]) == 4]
    try:
        pictures = _pictures(function, specs) if request.layout == "nchw" else []
        layout = {"inputs_as_nchw": turned or None, "outputs_as_nchw": pictures or None}
        model = jax2onnx.to_onnx(function, specs, opset=opset, input_names=names, **layout)
    except Exception as error:
        raise _refusal(error, label) from error
    onnx.save(model, folder / "model.onnx")
    outputs = [value.name for value in model.graph.output]
    turned_outputs = [outputs[place] for place in pictures]
    _ends[key_of(source)] = (names, outputs, bool(turned), turned_outputs)
    ends = [f"the input {names[place]!r}" for place in turned] + [f"the output {name!r}" for name in turned_outputs]
    return Imported(
        "model.onnx",
        f"jax2onnx.to_onnx ({toolchain()})",
        opset_of(model),
        {name: name for name in names},
        layout=tuple(f"{end} is NCHW, where the source has NHWC" for end in ends),
    )


def _pictures(function: Callable[..., Any], specs: list[Any]) -> list[int]:
    """Which outputs have rank 4, by their places."""
    shapes = jax.tree_util.tree_leaves(jax.eval_shape(function, *specs))
    return [place for place, shape in enumerate(shapes) if len(shape.shape) == 4]


def _refusal(error: Exception, label: str) -> Exception:
    named = re.search(r"[Pp]rimitive[: ']+(\w+)", str(error))
    if named and re.search(r"support|implement|plugin|handler", str(error), re.IGNORECASE):
        return Unsupported(f"{label}: the primitive {named[1]} cannot be said in ONNX by jax2onnx: write it otherwise")
    named_only = re.search(r"patched_(\w+)\(\) takes \d+ positional", str(error))
    way = f"give {named_only[1]} its arguments by name" if named_only else "write that part with jax.numpy and jax.lax"
    return InvalidModel(f"{label} cannot be converted by jax2onnx: {first_line(error)}: {way}")


def _load(source: Any) -> Callable[..., Any]:
    """The function; a class, or a function without parameters, is called for it. Raises InvalidModel."""
    key = key_of(source)
    if key not in _loaded:
        function = object_of(source) if isinstance(source, Named) else source
        _loaded[key] = _callable(function, source)
    return _loaded[key]


def _callable(function: Any, source: Any) -> Callable[..., Any]:
    if inspect.isclass(function) or (inspect.isfunction(function) and not inspect.signature(function).parameters):
        function = made_by(source, function)
    if not callable(function):
        raise InvalidModel(f"{source} is {type(function).__name__}, which cannot be called")
    made: Callable[..., Any] = function
    return made


def _names(function: Callable[..., Any], request: Request, source: Any) -> list[str]:
    label = label_of(source)
    parameters = inspect.signature(function).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    known = [parameter.name for parameter in parameters if parameter.kind in kinds]
    unknown = [name for name in (*request.shapes, *request.input_dtypes) if name not in known]
    if unknown:
        raise UsageError(f"{label} has no input {unknown[0]!r}; it has {', '.join(known) or 'none'}")
    if not request.shapes:
        example = shapes_for(source, dict.fromkeys(known[:2] or ["x"], (1, 28, 28, 1)))
        raise UsageError(f"{label} does not say the shapes of its inputs ({', '.join(known)}): give {example}")
    missing = [
        parameter.name for parameter in parameters if parameter.kind in kinds and parameter.default is parameter.empty
    ]
    missing = [name for name in missing if name not in request.shapes]
    if missing:
        example = shapes_for(source, dict.fromkeys(missing, (1, 28, 28, 1)))
        raise UsageError(f"{label} needs the input {missing[0]!r}, too: give {example}, in its own shape")
    taken = [name for name in known if name in request.shapes]
    if taken != known[: len(taken)]:  # by place, the next one would get the values
        between = next(name for name in known if name not in taken)
        raise UsageError(
            f"{label}: {taken[-1]!r} stands behind {between!r}: give that a shape, too, or wrap the function"
        )
    return taken


def _dtype(request: Request, name: str) -> np.dtype[Any]:
    word = request.input_dtypes.get(name, "float32")
    try:
        return np.dtype(word)
    except TypeError as error:
        raise UsageError(f"--input-dtype {name}={word}: numpy has no such type; float32, int32, bool …") from error


def computed(source: Any, request: Request, inputs: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - the hook's
    """What JAX gives, under the names that the ONNX model has."""
    names, outputs, turned, turned_outputs = _ends[key_of(source)]
    values = [np.asarray(inputs[name]) for name in names]
    if turned:
        values = [value.transpose(0, 2, 3, 1) if value.ndim == 4 else value for value in values]
    leaves = jax.tree_util.tree_leaves(_load(source)(*values))
    made = {name: np.asarray(value) for name, value in zip(outputs, leaves, strict=True)}
    return {name: value.transpose(0, 3, 1, 2) if name in turned_outputs else value for name, value in made.items()}
