"""What the caller could do at once so that more of the model finds its best place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zif.model import Model
    from zif.records import TensorInfo, Verdict

#: Stands in for a free dimension in the command that is suggested, by its place in an input of four dimensions.
_IMAGE = (1, 3, 224, 224)


def open_dimensions(model: Model, names: Sequence[str], verdicts: Sequence[Sequence[Verdict]]) -> tuple[str, ...]:
    """A sentence when backends refuse units only because the model's inputs have dimensions that are not fixed.

    names: the backends, in the order of each row of `verdicts`.
    """
    free = [info for info in model.inputs if info.shape is not None and not info.static]
    refused = {name: sum(row[k].code == "dynamic-shape" for row in verdicts) for k, name in enumerate(names)}
    refused = {name: count for name, count in refused.items() if count}
    if not free or not refused:
        return ()
    shapes = ", ".join(f"{info.name} {_shown(info)}" for info in free)
    command = " ".join(f"--shape {info.name}={','.join(map(str, _fixed(info)))}" for info in free)
    return (f"open dimensions keep {_counted(refused)}: {shapes}. Fix them, for example with {command}",)


def _counted(refused: Mapping[str, int]) -> str:
    return " and ".join(f"{count} units off {name}" for name, count in refused.items())


def _shown(info: TensorInfo) -> str:
    return f"({', '.join('?' if dim is None else str(dim) for dim in info.shape or ())})"


def _fixed(info: TensorInfo) -> list[int]:
    shape = info.shape or ()
    likely = _IMAGE if len(shape) == len(_IMAGE) else (1,) * len(shape)
    return [dim if isinstance(dim, int) else likely[place] for place, dim in enumerate(shape)]
