"""EPContext models and model packages that others made, looked into: what is compiled, by whom, where it lies.

Only read: nothing of them is loaded, and a name in them is followed only where it stays in their own folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zif.errors import InvalidModel
from zif.files.documents import json_of
from zif.files.limits import TEXT
from zif.files.opening import length, open_inside, open_plain, whole
from zif.files.paths import relative
from zif.model.attributes import attribute

if TYPE_CHECKING:
    import onnx

CONTEXT, COMPATIBILITY = "EPContext", "ep_compatibility_info."
MANIFEST, COMPONENT = "manifest.json", "component.json"


def is_package(folder: Path) -> bool:
    """Whether a folder says that it is a model package of ONNX Runtime, whatever is in it."""
    try:
        told = _document(folder, MANIFEST)
    except (InvalidModel, OSError):
        return False
    return isinstance(told, dict) and {"schema_version", "components"} <= told.keys()


def model_of(path: Path) -> dict[str, Any] | None:
    """What an ONNX file says of what is compiled in it; None when nothing is. Raises InvalidModel."""
    import onnx

    model = onnx.ModelProto()
    with open_plain(path, InvalidModel) as file:
        try:
            model.ParseFromString(file.read())
        except Exception as error:  # protobuf's own errors have no stable home
            raise InvalidModel(f"{path} is no ONNX model: {error}") from error
    contexts = [node for node in model.graph.node if node.op_type == CONTEXT and node.domain == "com.microsoft"]
    if not contexts:
        return None
    said = {p.key.removeprefix(COMPATIBILITY): p.value for p in model.metadata_props if p.key.startswith(COMPATIBILITY)}
    return {
        "file": str(path),
        "nodes": len(model.graph.node),
        "contexts": [_context(node, path.parent) for node in contexts],
        "compatibility": said,
        "inputs": [value.name for value in model.graph.input],
        "outputs": [value.name for value in model.graph.output],
    }


def package_of(folder: Path) -> dict[str, Any]:
    """What a model package has: its components' variants, each with its model. Raises InvalidModel."""
    told = _document(folder, MANIFEST)
    variants = [
        row
        for name, value in _object(told["components"], "components").items()
        for row in _variants(folder, str(name), value)
    ]
    return {"package": str(folder), "schema_version": str(told["schema_version"]), "variants": variants}


def _variants(folder: Path, name: str, value: Any) -> Iterator[dict[str, Any]]:
    place = folder
    if isinstance(value, str):
        place = folder / relative(value, InvalidModel)
        inside = place / COMPONENT if place.is_dir() else place
        place, value = inside.parent, _document(folder, inside.relative_to(folder).as_posix())
    for variant, row in _object(_object(value, name).get("variants", {}), f"the variants of {name}").items():
        told = _object(row, f"the variant {variant}")
        there = place / relative(str(told.get("variant_directory", variant)), InvalidModel)
        executor = _object(told.get("executor_info", {}), f"executor_info of {variant}").get("ort")
        file = executor.get("model_file") if isinstance(executor, dict) else None
        model = there / relative(str(file), InvalidModel) if file else None
        yield {
            "component": name,
            "variant": str(variant),
            "provider": _word(told.get("ep")),
            "compatibility": _word(told.get("compatibility_string")),
            "model": model_of(model) if model is not None and model.is_file() else None,
            "file": str(model) if model is not None else None,
        }


def _context(node: onnx.NodeProto, folder: Path) -> dict[str, Any]:
    content = b""
    for field in node.attribute:  # bytes, which are no text where they are embedded
        if field.name == "ep_cache_context":
            content = field.s
    embedded = bool(attribute(node, "embed_mode", 1))
    name = "" if embedded else content.decode(errors="replace")
    return {
        "node": node.name,
        "provider": attribute(node, "source", ""),
        "release": attribute(node, "ep_sdk_version", ""),
        "partition": attribute(node, "partition_name", ""),
        "main": bool(attribute(node, "main_context", 1)),
        "embedded": embedded,
        "file": name,
        "bytes": len(content) if embedded else _size(folder, name),
    }


def _size(folder: Path, name: str) -> int | None:
    """How large the file is; None where it is missing, or its name leads out of the folder."""
    try:
        with open_inside(folder, relative(name, InvalidModel), InvalidModel) as file:
            return length(file)
    except (InvalidModel, OSError):
        return None


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidModel(f"this is no model package: {what[:200]} is no object. Get it again from whoever made it.")
    return value


def _word(value: Any) -> str | None:
    return None if value is None else str(value)


def _document(folder: Path, name: str) -> dict[str, Any]:
    if not os.path.lexists(folder / name):
        raise InvalidModel(f"{folder} has no {name}")
    with open_inside(folder, name, InvalidModel) as file:
        data = json_of(whole(file, name, TEXT, InvalidModel), name, InvalidModel)
    return _object(data, str(folder / name))
