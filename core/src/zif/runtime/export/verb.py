"""`zif.export`: a bundle, or a model that is compiled for it, in the form that another runtime takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from zif.errors import UsageError
from zif.model.arguments import Progress

if TYPE_CHECKING:
    from zif.model import Model
    from zif.model.arguments import Source
    from zif.runtime.export.contract import Export, Exporter
    from zif.runtime.verification.bench import Sample


@frozen
class Written:
    """What was written: the place, the chip whose plan it is, sizes in bytes by name, sentences, further facts."""

    output: Path
    form: str
    target: str
    files: Mapping[str, int]
    notes: tuple[str, ...]
    facts: Mapping[str, Any]


def export(
    source: Source,
    output: str | Path,
    form: str,
    target: str = "host",
    *,
    options: Mapping[str, Any] | None = None,
    samples: Sequence[Sample] = (),
    overwrite: bool = False,
    cache: bool = True,
    progress: Progress | None = None,
    verify: bool = True,
    **wishes: Any,
) -> Written:
    """Write a bundle or a model in the form that another runtime takes.

    form: the word behind `zif export --for`; installed distributions bring them. A model is compiled first, for
    `target`, under `wishes` (those of `zif.compile`); of a bundle the plan for `target` is exported. options: of the
    exporter, by name. samples: real inputs, for verifying and for exporters that write inputs down. Raises ZifError
    subclasses; then nothing is written.
    """
    from zif.backends.blame import blaming
    from zif.backends.options import build_options
    from zif.errors import BackendBroken
    from zif.runtime.export.contract import Exported
    from zif.runtime.export.registry import exporter
    from zif.runtime.export.writing import check_free, check_source, write

    chosen, place = exporter(form), Path(output)
    settings = build_options(chosen.options, dict(options or {}), f"--for {form}")
    check_free(place, chosen.folder, overwrite)
    check_source(place, source)

    def run(job: Export) -> Written:
        if progress:
            progress(f"exporting for {form}")
        with blaming(f"the exporter for {form}", "exporting"):
            made = chosen.write(job, settings)
        if not isinstance(made, Exported):
            raise BackendBroken(f"the exporter for {form} returned {type(made).__name__}, not Exported")
        return Written(
            place, form, job.target, write(made, place, chosen.folder, form, overwrite), made.notes, made.facts
        )

    build = {"cache": cache, "verify": verify, "samples": samples or None, **wishes}
    return _prepared(source, place, target, chosen, samples, progress, build, run)


def _prepared(
    source: Source,
    place: Path,
    target: str,
    exporter: Exporter,
    samples: Sequence[Sample],
    progress: Progress | None,
    build: Mapping[str, Any],
    run: Callable[[Export], Written],
) -> Written:
    """Call `run` with what is exported: a bundle that is there, one that is made for it, or the model alone."""
    from zif.artifacts.bundle import open_bundle
    from zif.files.leftovers import private_folder
    from zif.model.engines import libraries
    from zif.runtime import refusals, sources, verbs
    from zif.runtime.export.contract import Export
    from zif.runtime.from_bundle import chosen

    own, bundled = libraries(build.get("custom_ops") or ()), sources.is_bundle(source)
    if bundled and exporter.needs == "model":
        raise UsageError(f"{source!s} is a bundle, which holds no model: name the model that it was made of")
    with private_folder("zif-export-") as folder:
        (folder / "scratch").mkdir()
        job = Export(source, _name(source, place), place, None, target, folder / "scratch", samples, own, progress)
        if bundled:
            refusals.refuse_wishes(**{name: build[name] for name in (*refusals.WISHES, "policy") if name in build})
            bundle = open_bundle(Path(source))  # type: ignore[arg-type]
        else:
            job = evolve(job, model=lambda: _model(source, build, progress))
            if exporter.needs == "model":
                return run(job)
            made = verbs.compile(source, folder / "bundle", target, also=exporter.also, progress=progress, **build)
            bundle = open_bundle(made.folder)
        chip = chosen(bundle, target).name
        return run(evolve(job, bundle=bundle, target=chip, name=str(bundle.plan(chip).get("model", job.name))))


def _model(source: Source, build: Mapping[str, Any], progress: Progress | None) -> Model:
    from zif.model import Model
    from zif.runtime.frontends.verb import as_onnx

    shapes, own = build.get("shapes") or {}, build.get("custom_ops") or ()
    return Model.load(as_onnx(source, shapes, progress), shapes, own)


def _name(source: Source, place: Path) -> str:
    return Path(source).stem if isinstance(source, (str, Path)) else place.stem
