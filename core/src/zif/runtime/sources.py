"""What a verb is handed: a bundle, a package of variants, or a model as a path, bytes, a ModelProto or a Model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from zif.model import Model
    from zif.model.arguments import Progress, Source
    from zif.runtime.packages import Variant


def is_bundle(source: Any) -> TypeGuard[str | Path]:
    """Whether it is the folder of a bundle, and not one that a framework keeps a model in."""
    if not isinstance(source, (str, Path)) or not Path(source).is_dir():
        return False
    from zif.artifacts.bundle.contexts import is_package
    from zif.files.kinds import kind_of

    if is_package(Path(source)):
        return False
    return (Path(source) / "manifest.json").exists() or kind_of(Path(source)) is None


def variant_of(source: Any, target: str) -> Variant | None:
    """The variant of a model package for a target; None for any other source, for which nothing is imported."""
    if not isinstance(source, (str, Path)) or not Path(source).is_dir():
        return None
    from zif.runtime.packages import picked

    return picked(source, target)


def model_of(
    source: Source,
    shapes: Mapping[str, Sequence[int]],
    progress: Progress | None,
    custom_ops: Sequence[str | Path] | str | Path,
) -> Model:
    """The model with these shapes; not read again when it has them already. Raises what reading raises."""
    from zif.model import Model

    if isinstance(source, Model):
        known = source.tensors
        if all(name in known and known[name].shape == tuple(dims) for name, dims in shapes.items()):
            return source
    from zif.runtime.frontends.verb import as_onnx

    return Model.load(as_onnx(source, shapes, progress), shapes, custom_ops)
