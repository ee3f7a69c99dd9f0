"""What the caller could do at once so that more of the model finds its best place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zif.model import Model
    from zif.records import TensorInfo, Verdict

#: Domains of operators that ONNX, ONNX Runtime and PyTorch's exporter define.
_PUBLISHED = frozenset({"ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "com.microsoft"})
#: Stand in for a free dimension in the command that is suggested, by its place in an input of four dimensions.
_IMAGE, _CHANNELS_LAST = (1, 3, 224, 224), (1, 224, 224, 3)


def open_dimensions(
    model: Model, names: Sequence[str], verdicts: Sequence[Sequence[Verdict]], guessed: bool = True
) -> tuple[str, ...]:
    """A sentence when inputs have dimensions that are not fixed: who refuses units for it, and what is guessed.

    names: the backends, in the order of each row of `verdicts`. guessed: there are figures, which count each as 1.
    """
    free = [info for info in model.inputs if info.shape is not None and not info.static]
    refused = {name: sum(row[k].code == "dynamic-shape" for row in verdicts) for k, name in enumerate(names)}
    refused = {name: count for name, count in refused.items() if count}
    if not free or not (refused or guessed):
        return ()
    shapes = ", ".join(f"{info.name} {_shown(info)}" for info in free)
    command = " ".join(f"--shape {info.name}={','.join(map(str, _fixed(info)))}" for info in free)
    effects = [f"keep {_counted(refused)}"] if refused else []
    if guessed:
        effects.append("make the times and sizes of this plan too small, since each counts as 1")
    return (f"open dimensions {' and '.join(effects)}: {shapes}. Fix them, for example with {command}",)


def foreign_operators(model: Model, rows: Sequence[int]) -> tuple[str, ...]:
    """A sentence when some of these units are of operators that nobody published: who has them says so."""
    units = [model.units[row] for row in rows]
    strange = {unit.domain: unit.op_type for unit in units if unit.domain and unit.domain not in _PUBLISHED}
    if not strange:
        return ()
    domain, op_type = next(iter(strange.items()))
    known = "the libraries that --custom-ops names do not have" if model.custom_ops else "no backend here has"
    return (
        f"{domain}.{op_type} is an operator of somebody's own, and {known} it: name the library that registers it with "
        "--custom-ops LIB.so, or install a backend that takes it",
    )


def _counted(refused: Mapping[str, int]) -> str:
    return " and ".join(f"{count} units off {name}" for name, count in refused.items())


def _shown(info: TensorInfo) -> str:
    return f"({', '.join('?' if dim is None else str(dim) for dim in info.shape or ())})"


def _fixed(info: TensorInfo) -> list[int]:
    shape = info.shape or ()
    likely = (1,) * len(shape)
    if len(shape) == len(_IMAGE):
        likely = _CHANNELS_LAST if isinstance(shape[3], int) and not isinstance(shape[1], int) else _IMAGE
    return [dim if isinstance(dim, int) else likely[place] for place, dim in enumerate(shape)]
