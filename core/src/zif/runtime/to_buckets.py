"""From a model to a bundle of several sizes: each is built as a bundle of its own, and all are written as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from zif.artifacts.bundle.layout import BUCKET_FOLDER, BUCKETS
from zif.files.leftovers import private_folder
from zif.runtime.buckets.bundling import Document
from zif.runtime.to_bundle import Built, Compilation, compile_model
from zif.runtime.verified import build_verified

if TYPE_CHECKING:
    from zif.model.arguments import Progress
    from zif.runtime.buckets.checking import Finding, Findings
    from zif.runtime.buckets.grid import Point
    from zif.runtime.buckets.request import Asked
    from zif.runtime.build import Builder


@frozen(eq=False)
class Work:
    """How buckets are built. wishes: what shapes a plan; builder: as `zif.runtime.planners.builder`; also, verify: as
    `zif.compile` takes them, but that nothing stands beside what runs at the real shape. sign: the key for the whole.
    """

    targets: Sequence[str]
    policy: str
    wishes: Mapping[str, Any]
    builder: Callable[..., Builder]
    also: tuple[str, ...]
    verify: bool
    sign: str | Path | None = None


def compile_buckets(
    asked: Asked,
    findings: Findings,
    folder: str | Path,
    work: Work,
    overwrite: bool,
    progress: Progress | None = None,
) -> Compilation:
    """Build every bucket and the rest, and write them as one bundle, or nothing. Raises ZifError subclasses."""
    from zif.artifacts.bundle import check_place

    check_place(folder, overwrite)
    rests = {target: asked.rest(target, work.policy, work.wishes) for target in work.targets}
    missing = next((rest for rest in rests.values() if isinstance(rest, str)), "")
    with private_folder("zif-buckets-") as draft:
        built, files = [], dict[str, bytes | Path]()
        for number, (point, finding) in enumerate(zip(asked.grid.points(), findings.points, strict=True)):
            made = _bucket(asked, point, finding, draft / str(number), work, progress)
            built.append(Built(asked.grid.label(point), finding, made))
            files |= _files(made.folder, f"{BUCKET_FOLDER}/{number}")
        files[BUCKETS] = Document.of(asked.model, asked.grid, findings, missing).text()
        if missing:
            last = asked.grid.points()[-1], findings.points[-1]
            whole = _bucket(asked, *last, Path(folder), work, progress, overwrite, files)
        else:
            judged = partial(build_verified, samples=None, told=progress) if work.verify else None
            whole = compile_model(
                asked.model,
                folder,
                work.targets,
                lambda name: work.builder(rests[name]),
                overwrite,
                judged,
                files,
                work.sign,
            )
    return evolve(whole, buckets=tuple(built))


def _bucket(
    asked: Asked,
    point: Point,
    finding: Finding,
    folder: Path,
    work: Work,
    progress: Progress | None,
    overwrite: bool = False,
    more: Mapping[str, bytes | Path] | None = None,
) -> Compilation:
    """The bundle of one bucket, verified with the samples that have its size."""

    def build(target: str) -> Builder:
        planner = asked.planner(point, target, work.policy, work.wishes, finding, progress=progress)
        return work.builder(planner, also=work.also)

    judged = partial(build_verified, samples=asked.own(point, finding), told=progress) if work.verify else None
    key = work.sign if more else None  # what lies in a folder of another bundle is signed with that
    return compile_model(asked.built(point, finding), folder, work.targets, build, overwrite, judged, more, key)


def _files(folder: Path, into: str) -> dict[str, bytes | Path]:
    """Every file of a bundle, by its path in another one."""
    every = (path for path in folder.rglob("*") if path.is_file())
    return {f"{into}/{path.relative_to(folder).as_posix()}": path for path in every}
