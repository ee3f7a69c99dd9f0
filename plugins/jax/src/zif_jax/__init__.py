"""JAX for zif: functions and modules of Flax and Equinox as ONNX, held against JAX itself."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zif import hookimpl
from zif.plugin import Imported, Named, Recognized, Request, imports_any

_PACKAGES = ("jax", "flax", "equinox", "haiku")


@hookimpl
def recognize(source: Any) -> Recognized | None:
    """Code that imports JAX, as it is written; in memory, modules of Flax and Equinox."""
    if isinstance(source, Named):
        return Recognized("a JAX function", _toolchain()) if imports_any(source, _PACKAGES) else None
    if isinstance(source, Path):
        return None
    modules = {kind.__module__.partition(".")[0] for kind in type(source).__mro__}
    ours = sorted(modules & {*_PACKAGES, "jaxlib"})
    return Recognized(f"a {ours[0]} {type(source).__name__}", _toolchain()) if ours else None


def _toolchain() -> str:
    return ", ".join(f"{name} {_version(name)}" for name in ("jax", "jax2onnx"))


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


@hookimpl
def convert(source: Any, request: Request, folder: Path) -> Imported:
    """With jax2onnx."""
    from zif_jax.export import exported

    return exported(source, request, folder)


@hookimpl
def run(source: Any, request: Request, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """By JAX."""
    from zif_jax.export import computed

    return computed(source, request, inputs)
