"""Model packages of ONNX Runtime: which variant of the model goes with a chip, by the grades of bundles.

The group `zif.context_fits` names, by a provider (the `source` of EPContext nodes), a function from an ONNX model (of
which only the nodes and the metadata are looked at) and a target to a grade, a sentence and a distance, as `zif.fits`
does for artifacts. What nobody judges cannot be loaded here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.artifacts.bundle.contexts import is_package, package_of
from zif.backends.blame import blaming
from zif.backends.extensions import context_fit
from zif.errors import BackendBroken, InvalidModel, UsageError
from zif.model.attributes import attribute
from zif.model.contexts import nodes
from zif.model.source import read
from zif.runtime.fit import GRADES, Grade
from zif.runtime.session import Event
from zif.targets import host
from zif.targets import target as find

if TYPE_CHECKING:
    from zif.records import Target

#: A variant in which nothing is compiled runs anywhere, and comes after every one that was compiled and will do.
_PLAIN = ("works", "nothing of it is compiled: it is planned as any model is", 1 << 30)


@frozen
class Variant:
    """One variant of a package on a chip: folder, name, model's file, grade, and what keeps it from being better."""

    package: Path
    name: str
    model: Path
    grade: Grade
    reason: str
    distance: int

    def told(self) -> str:
        """That it was taken, and how good it is."""
        why = f": {self.reason}" if self.reason else ""
        return f"of the package {self.package.name} the variant {self.name} is taken: {self.grade}{why}"

    def event(self) -> Event:
        """The same for a session."""
        return Event("fit", "", None, self.told())


def picked(source: Any, target: str) -> Variant | None:
    """The variant of a model package that goes best with a target; None for what is no package.

    Of equal ones the first. Raises InvalidModel for a package that cannot be read, UsageError for one with several
    models, and where none of its variants will do, with what is against each.
    """
    if not isinstance(source, (str, Path)) or not Path(source).is_dir() or not is_package(Path(source)):
        return None
    folder = Path(source)
    asked = find(target)
    chip = host() if asked.is_host else asked
    rows = package_of(folder)["variants"]
    components = dict.fromkeys(row["component"] for row in rows)
    if len(components) != 1:
        raise UsageError(
            f"{folder} is a package of {len(components)} models ({', '.join(components)}), and one is run at a time:"
            " name the ONNX file of the one that is meant"
        )
    variants = [_judged(folder, row, chip) for row in rows]
    good = [variant for variant in variants if variant.grade in ("optimal", "works")]
    if not good:
        told = "; ".join(f"{variant.name}: {variant.grade} ({variant.reason})" for variant in variants)
        raise UsageError(f"no variant of the package {folder} will do on {asked.name}. {told}")
    return min(good, key=lambda variant: (GRADES.index(variant.grade), variant.distance))


def model_file(source: Any, target: str) -> Any:
    """The source itself, or the model's file in a package."""
    variant = picked(source, target)
    return source if variant is None else variant.model


def _judged(folder: Path, row: Mapping[str, Any], chip: Target) -> Variant:
    name = str(row["variant"])
    if row["model"] is None and (row["file"] is None or not Path(row["file"]).is_file()):
        return Variant(folder, name, folder, "missing", f"its model {row['file'] or ''} is not there", 0)
    file = Path(row["file"])
    if not file.resolve().is_relative_to(folder.resolve()):
        raise InvalidModel(f"{file} is a link out of the package. zif does not follow it: put the file in its place.")
    worst: tuple[Grade, str, int] = ("optimal", "", 0) if row["model"] else _PLAIN  # type: ignore[assignment]
    proto = read(file).proto if row["model"] else None
    for source in dict.fromkeys(attribute(node, "source", "") for node in nodes(proto.graph)) if proto else ():
        worst = max(worst, _of_provider(source, proto, chip), key=lambda judged: (GRADES.index(judged[0]), judged[2]))
    return Variant(folder, name, file, *worst)


def _of_provider(source: str, proto: Any, chip: Target) -> tuple[Grade, str, int]:
    judge = context_fit(source)
    if judge is None:
        return "missing", f"nothing that is installed here loads what {source or 'nobody'} compiled", 0
    with blaming(f"what judges EPContext nodes of {source}", "looking at a model", BackendBroken):
        grade, reason, distance = judge(proto, chip)
    if grade not in GRADES:
        raise BackendBroken(f"what judges EPContext nodes of {source} says {grade!r}, which is no grade")
    return grade, str(reason), int(distance)
