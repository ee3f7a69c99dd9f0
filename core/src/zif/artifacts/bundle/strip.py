"""A bundle with fewer chips or without what only other tools read, as a bundle of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from zif.artifacts.bundle.layout import ASIDE, BUCKETS, CONSTANTS, SESSION, VERIFICATION, stem
from zif.artifacts.bundle.manifest import INPUTS, QUANTIZATION
from zif.artifacts.bundle.read import Bundle
from zif.artifacts.bundle.write import write_bundle
from zif.errors import UsageError
from zif.files.wording import did_you_mean


def strip(
    bundle: Bundle, folder: Path, targets: Sequence[str] = (), *, overwrite: bool = False, sign: Any = None
) -> Path:
    """Write a bundle of these targets (all, without any) that has no forms for other tools; the folder.

    The first target named is the one that a reader gets who names none. Raises UsageError for a target that the bundle
    is not for, InvalidBundle for one that is not whole.
    """
    if BUCKETS in bundle.files:
        raise UsageError(f"{bundle.folder} is for several sizes, and nothing is taken out of such: compile it again")
    wanted = tuple(dict.fromkeys(targets)) or bundle.targets
    for name in wanted:
        if name not in bundle.targets:
            known = ", ".join(bundle.targets)
            raise UsageError(f"{bundle.folder} is for {known}, not for {name}.{did_you_mean(name, bundle.targets)}")
    artifacts, labels = {}, {}
    for target in wanted:
        for number, _ in bundle.segments(target):
            made = bundle.load_compiled(number, target)
            kept = {name: content for name, content in made.files.items() if name.partition("/")[0] not in ASIDE}
            artifacts[number, target] = evolve(made, files=kept)
            labels[number, target] = _label(bundle, number, target)
    keep = [name for name in (SESSION, CONSTANTS, VERIFICATION, INPUTS, QUANTIZATION) if name in bundle.files]
    return write_bundle(
        folder,
        {name: bundle.plan(name) for name in wanted},
        artifacts,
        labels=labels,
        versions=bundle.versions,
        extras={name: bundle.path(name) for name in keep},
        overwrite=overwrite,
        sign=sign,
    )


def _label(bundle: Bundle, number: int, target: str) -> str:
    """What the artifact's files are called, which says more than the names of backend and target."""
    place = bundle.place(number, target)
    name = Path(place).name.partition(".")[0] if place else ""
    return name.removeprefix(stem(number, "")) if name.startswith(stem(number, "")) else target
