"""What a source is, found out without JAX and without running anything of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zif.plugin import Named, Recognized, imports_any, versions

_PACKAGES = ("jax", "flax", "equinox", "haiku")


def recognized(source: Any) -> Recognized | None:
    """The answer of the hook `recognize`: code that imports JAX; in memory, modules of Flax and Equinox."""
    if isinstance(source, Named):
        return Recognized("a JAX function", toolchain()) if imports_any(source, _PACKAGES) else None
    if isinstance(source, Path):
        return None
    modules = {kind.__module__.partition(".")[0] for kind in type(source).__mro__}
    ours = sorted(modules & {*_PACKAGES, "jaxlib"})
    return Recognized(f"a {ours[0]} {type(source).__name__}", toolchain()) if ours else None


def toolchain() -> str:
    """JAX and the converter, with their versions."""
    return versions({"jax": "jax", "jax2onnx": "jax2onnx"})
