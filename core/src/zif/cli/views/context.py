"""What `zif bundle inspect` says of EPContext models and of model packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zif.errors import UsageError


def inspected(path: Path) -> dict[str, Any] | None:
    """The fields of `zif.context/1`; None for a folder that is no model package. Raises UsageError, InvalidModel."""
    from zif.artifacts.bundle.contexts import is_package, model_of, package_of

    if path.is_dir():
        return package_of(path) if is_package(path) else None
    if not path.exists():
        return None
    model = model_of(path)
    if model is None:
        raise UsageError(f"{path} has nothing that is compiled: `zif plan {path.name}` says what would run where")
    whole = {"component": "", "variant": "", "provider": None, "compatibility": None, "file": str(path)}
    return {"package": None, "schema_version": None, "variants": [{**whole, "model": model}]}


def show(document: dict[str, Any]) -> None:
    """A row for every part that is compiled, and sentences."""
    from zif.cli.views.terminal import say, table
    from zif.files.wording import size

    rows = []
    for variant in document["variants"]:
        for context in (variant["model"] or {}).get("contexts", ()):
            there = "embedded" if context["embedded"] else context["file"] or "in another part's"
            held = (
                size(context["bytes"]) if context["bytes"] is not None else ("" if not context["file"] else "missing")
            )
            rows.append([variant["variant"], context["node"], context["provider"], context["release"], there, held])
    table("", ("variant", "node", "compiled by", "release", "binary", "size"), rows, right=("size",))
    for variant in document["variants"]:
        model, name = variant["model"], variant["variant"] or variant["file"]
        if model is None:
            say(f"{name}: plain ONNX for {variant['provider']}, or its model is missing")
            continue
        plain = model["nodes"] - len(model["contexts"])
        said = "; ".join(f"{provider} says {text}" for provider, text in model["compatibility"].items())
        say(f"{name}: {len(model['contexts'])} parts compiled, {plain} nodes as ONNX" + (f"; {said}" if said else ""))
