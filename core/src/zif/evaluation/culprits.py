"""Who makes a model wrong on a backend, each as a case that can be sent to the backend's vendor as it is.

A case is the smallest piece of the model that is wrong by itself: its ONNX file, what goes in, what comes out, and what
a judge makes of it, with the versions of everything that took part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from zif.backends.blame import let_go
from zif.backends.registry import owner
from zif.errors import InvalidBundle, UsageError
from zif.files.opening import create_inside
from zif.files.wording import json_text
from zif.files.writing import drafted, refused
from zif.model.arguments import Progress

if TYPE_CHECKING:
    from typing import BinaryIO

    from zif.model import Model
    from zif.model.arguments import Source
    from zif.runtime.build import Builder
    from zif.runtime.verification import Bench, SegmentCheck, TensorCheck
    from zif.runtime.verification.bench import Sample
    from zif.runtime.verification.culprit import Culprit

SCHEMA = "zif.case/1"


@frozen(eq=False)
class Case:
    """A piece of a model that is wrong by itself. `inputs`, `right` and `wrong` are arrays by name, of one sample."""

    backend: str
    unit: str
    op_type: str
    precision: str
    word: str
    window: tuple[str, ...]
    worst: TensorCheck | None
    model: Model
    inputs: Mapping[str, Any]
    right: Mapping[str, Any]
    wrong: Mapping[str, Any]
    versions: Mapping[str, str]

    def about(self) -> dict[str, Any]:
        """Everything but the arrays, as JSON."""
        names = ("backend", "unit", "op_type", "precision", "word")
        told = {name: getattr(self, name) for name in names}
        worst = attrs.asdict(self.worst) if self.worst else None
        return {**told, "window": list(self.window), "worst": worst, "versions": dict(self.versions)}


@frozen(eq=False)
class Culprits:
    """What `find` found: every case, on which target, judged by whom."""

    model: str
    target: str
    judge: tuple[str, ...]
    cases: tuple[Case, ...]


def find(
    source: Source,
    target: str = "host",
    samples: Sequence[Sample] | None = None,
    *,
    judge: str = "",
    cache: bool = True,
    progress: Progress | None = None,
    **wishes: Any,
) -> Culprits:
    """Plan a model, hold every segment against a judge, and cut what is wrong down to the units that make it so.

    judge: a backend to hold the others against, whatever it computes in; "" for those that judge. samples: as for
    `verify`. `wishes` are those of `zif.load`. What was learned before is not heard: it is what is looked for. Raises
    ZifError subclasses.
    """
    from zif.runtime import planners
    from zif.runtime.verification import Bench
    from zif.runtime.verified import opened
    from zif.verdicts import learned

    with learned.unheard():
        planner = planners.planner(source, target, progress=progress, **wishes)
    builder = planners.builder(planner, cache, progress)
    plan, artifacts = builder.artifacts()
    bench = Bench.of(builder.planner, samples, progress, plan.backends, judge=judge)
    with opened(builder, plan, artifacts) as (steps, unopened):
        checks = [*bench.checks(steps), *unopened]
    versions = bench.result(plan, checks).versions
    cases = [case for check in checks if not check.believed for case in _cases(builder, bench, check, versions)]
    return Culprits(plan.model, plan.target, tuple(bench.judge.options), tuple(cases))


def _cases(builder: Builder, bench: Bench, check: SegmentCheck, versions: Mapping[str, str]) -> list[Case]:
    from zif.runtime.verification.pieces import leaving_units

    return [_case(builder, bench, check, case, versions) for case in leaving_units(builder, bench, check)]


def _case(builder: Builder, bench: Bench, check: SegmentCheck, culprit: Culprit, versions: Mapping[str, str]) -> Case:
    """The culprit's window alone, run on the first sample of those on which it is furthest off."""
    with ExitStack() as stack:
        executable = builder.loaded(check.backend, culprit.window)
        stack.callback(let_go, executable, owner(check.backend))
        piece = bench.piece(check.backend, culprit.window, executable)
        values = bench.values([*piece.inputs, *piece.outputs])
        right = max(values, key=lambda sample: _distance(bench, piece, sample))
        inputs = {name: right[name] for name in piece.inputs if name in right}
        wrong = dict(piece.run(inputs))
    outputs = {name: right[name] for name in piece.outputs}
    unit = builder.planner.model.unit(culprit.unit)
    about = (check.backend, unit.id, unit.op_type, piece.precision, check.word, culprit.window, culprit.worst)
    return Case(*about, piece.model, inputs, outputs, wrong, versions)


def _distance(bench: Bench, piece: Any, values: Mapping[str, Any]) -> float:
    """How far a piece is off on one sample, in dB below nothing; integers by how many differ."""
    rows = bench.compare(piece, [values])
    return max((-(row.sqnr_db if row.sqnr_db is not None else 100 * (row.agreement or 0.0)) for row in rows), default=0)


def check_place(folder: Path) -> None:
    """Raise UsageError for a folder that is there already, before anything is computed."""
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} is there already: name a folder that is not")


def write(culprits: Culprits, folder: Path) -> list[Path]:
    """Write each case into a folder of its own in `folder`, which must not be there yet: the folders written.

    model.onnx with its weights, inputs.npz, right.npz, wrong.npz, case.json, README.md. Raises UsageError or NotWritten
    when it cannot be written; then nothing is.
    """
    try:
        with drafted(folder):
            return [_write(case, culprits, folder, number) for number, case in enumerate(culprits.cases)]
    except OSError as error:
        raise refused(str(folder), error, "Name a folder that is not there yet") from error


def _write(case: Case, culprits: Culprits, folder: Path, number: int) -> Path:
    import numpy as np

    place = f"{number:02d}-{case.op_type}"
    about = {
        "schema": SCHEMA,
        "model": culprits.model,
        "target": culprits.target,
        "judge": list(culprits.judge),
        **case.about(),
    }
    contents: dict[str, Any] = {
        "model.onnx": _standalone(case.model),
        "case.json": (json_text(about, indent=1, default=str) + "\n").encode(),
        "README.md": _readme(case, culprits).encode(),
    }
    for name, content in contents.items():
        with create_inside(folder, f"{place}/{name}", InvalidBundle) as file:
            file.write(content)
    for name, arrays in (("inputs", case.inputs), ("right", case.right), ("wrong", case.wrong)):
        with create_inside(folder, f"{place}/{name}.npz", InvalidBundle) as file:
            _save(np, file, arrays)
    return folder / place


def _save(np: Any, file: BinaryIO, arrays: Mapping[str, Any]) -> None:
    plain = {name: array.astype(str) if array.dtype.kind == "O" else array for name, array in arrays.items()}
    np.savez(file, **plain)


def _standalone(model: Model) -> bytes:
    """The model with every weight in it."""
    import onnx

    from zif.model.dtypes import from_array

    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    for tensor in proto.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.CopyFrom(from_array(model.array(tensor.name), tensor.name))
    data: bytes = proto.SerializeToString()
    return data


def _readme(case: Case, culprits: Culprits) -> str:
    """The case in words, for somebody who has never heard of zif."""
    judge = " and ".join(culprits.judge)
    figures = "" if case.worst is None else f"At `{case.worst.name}`: {_figure(case.worst, case.precision)}\n\n"
    versions = "\n".join(f"- {name}: {text}" for name, text in case.versions.items())
    return f"""# {case.op_type} on {case.backend}, for {culprits.target}

`model.onnx` is the smallest piece of {culprits.model} that {case.backend} computes wrongly by itself
({len(case.window)} of its operators or groups, the last one is {case.unit!r}). Fed with `inputs.npz`, {case.backend}
gives `wrong.npz`; computed as ONNX defines each operator, on the CPU ({judge}), it gives `right.npz`.

{figures}To see it again: `zif run model.onnx -i inputs.npz --target {culprits.target} --pin '*={case.backend}'`

{versions}
"""


def _figure(row: TensorCheck, precision: str) -> str:
    if row.sqnr_db is None:
        return f"{100 * (row.agreement or 0):.4g} % of the elements are equal."
    least = "nothing" if row.rounded_db is None else f"{row.rounded_db:.1f} dB"
    return f"{row.sqnr_db:.1f} dB of SQNR, where rounding every tensor to {precision} leaves {least}."


__all__ = ["Case", "Culprits", "check_place", "find", "write"]
