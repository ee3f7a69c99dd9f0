"""Reading models on two sides and comparing, or keeping what one side says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from zif.errors import UsageError
from zif.evaluation.drift.compare import LEAST_DB, THRESHOLD, Drift, compared
from zif.evaluation.drift.reading import Kept, pack, place, write_kept
from zif.evaluation.drift.side import HERE, Feed, Live, Past, Side, side
from zif.files.leftovers import private_folder, strike
from zif.files.writing import drafted, refused

if TYPE_CHECKING:
    from zif.model import Model
    from zif.model.arguments import Progress
    from zif.records import Arrays

#: The sets of inputs for a model.
Sets = Callable[["Model"], "Sequence[Any]"]


def drift(
    models: Sequence[str | Path],
    old: str,
    new: str = HERE,
    target: str = "host",
    *,
    samples: Sets | None = None,
    threshold: float = THRESHOLD,
    least_db: float = LEAST_DB,
    progress: Progress | None = None,
    **wishes: Any,
) -> Drift:
    """What moved between two toolchains, for models as files.

    old, new: "here", "env:NAME", or the path of what was kept: a folder of `keep`, or plans of `zif plan --json`. A
    kept folder brings its inputs, else `samples` gives sets of arrays by name, else they are made from seeds.
    threshold: what latency, energy and artifacts may grow by, as a share; least_db: how close outputs have to stay, in
    dB. `wishes` are those of `zif.plan`. Raises ZifError subclasses.
    """
    sides = side(old), side(new)
    if not models and any(isinstance(side, Live) for side in sides):
        raise UsageError("which models? `zif drift MODEL... --old env:NAME`; only two sides that were kept need none")
    with private_folder("zif-drift-") as scratch:
        feed = _fed(models, sides, samples, _new(scratch / "inputs"), wishes)
        readings = [
            _read(side, feed, target, wishes, _new(scratch / f"side-{number}"), progress)
            for number, side in enumerate(sides)
        ]
        return compared(readings[0], readings[1], target, threshold, least_db)


def keep(
    models: Sequence[str | Path],
    folder: str | Path,
    where: str = HERE,
    target: str = "host",
    *,
    samples: Sets | None = None,
    progress: Progress | None = None,
    **wishes: Any,
) -> Kept:
    """Read models on one side and keep that, with the inputs, in a new folder for a later `drift`.

    Raises ZifError subclasses; then nothing is left.
    """
    asked, made = side(where), Path(folder)
    if isinstance(asked, Past):
        raise UsageError(f"{where} is kept already: name {HERE} or env:NAME")
    if not models:
        raise UsageError("which models? `zif drift MODEL... --keep DIR`")
    try:
        with drafted(made):
            feed = _fed(models, (asked,), samples, made, wishes)
            readings = _read(asked, feed, target, wishes, made, progress)
            write_kept(made, readings.source, readings.readings)
            strike(made)
    except OSError as error:
        raise refused(str(made), error, "--keep makes a new folder.") from error
    return attrs.evolve(readings, folder=made)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _read(
    side: Side, feed: Feed, target: str, wishes: Mapping[str, Any], folder: Path, progress: Progress | None
) -> Kept:
    if isinstance(side, Past):
        return side.kept
    if progress is not None:
        progress(f"asking {side.source}")
    return side.read(feed, target, wishes, folder)


def _fed(
    models: Sequence[str | Path], sides: Iterable[Side], samples: Sets | None, folder: Path, wishes: Mapping[str, Any]
) -> Feed:
    """Write every model's sets of inputs into `folder`. Raises UsageError for two models of one name."""
    from zif.model import Model

    paths = tuple(map(Path, models))
    names = tuple(path.stem for path in paths)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two models are called {twice}: give them names of their own")
    past = [side.kept for side in sides if isinstance(side, Past) and side.kept.folder is not None]
    if past and samples is not None:
        raise UsageError(f"{past[0].source} brings the inputs that were kept: leave --samples out")
    kinds, counts = [], []
    for number, (name, path) in enumerate(zip(names, paths, strict=True)):
        known = next((kept for kept in past if kept.of(name) is not None), None)
        sets: Sequence[Any]
        if known is not None:
            sets = _kept_sets(known, name)
        else:
            model = Model.load(path, wishes.get("shapes") or {}, wishes.get("custom_ops") or ())
            sets = _sets(model, samples)
        told = [_written(folder / place(number, "inputs", count), sample) for count, sample in enumerate(sets)]
        kinds.append(told[0] if told else {})
        counts.append(len(told))
    return Feed(names, paths, folder, tuple(kinds), tuple(counts))


def _sets(model: Model, samples: Sets | None) -> Sequence[Any]:
    from zif.runtime.verification.samples import made_samples

    return made_samples(model) if samples is None else samples(model)


def _kept_sets(kept: Kept, name: str) -> list[Arrays]:
    reading = kept.of(name)
    assert reading is not None
    return [kept.arrays(reading, "inputs", number) for number in range(reading.sets)]


def _written(path: Path, arrays: Any) -> dict[str, str]:
    try:
        return pack(path, arrays)
    except OSError as error:
        raise refused(str(path), error) from error


__all__ = ["Sets", "drift", "keep"]
