"""The stages: what each asks of zif, and what of the answer goes into the row."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import zif
from zif.plugin import parse_preprocess, private_folder, random_inputs, samples_of, verify

from zif_sweep.figures import of_plan
from zif_sweep.prepared import Prepared, prepared
from zif_sweep.rows import State

if TYPE_CHECKING:
    from zif import Plan, Session

    from zif_sweep.cells import Cell

#: What a stage gives: fields of the row, with "state" and "reason" where it is not "ok".
Fields = Mapping[str, Any]


def done(cell: Cell) -> Fields:
    """A cell, done. Raises what zif raises."""
    model = prepared(cell)
    return {"made": model.made, **_STAGES[cell.stage](cell, model)}


def wishes(cell: Cell) -> dict[str, Any]:
    """The keyword arguments of `zif.load`. Every backend works in a process of its own, and takes no other with it."""
    return {"shapes": dict(cell.subject.shapes), **cell.wishes, "isolate": True}


def _plan(cell: Cell, prepared: Prepared) -> Fields:
    plan = zif.plan(prepared.path, cell.target, assume=prepared.assume, **wishes(cell))
    return {**of_plan(plan), **_state(plan.failure)}


def _compile(cell: Cell, prepared: Prepared) -> Fields:
    name = f"{cell.subject.name.replace('/', '-')}.{cell.precision}.{cell.target}.zif"
    with private_folder() as folder:
        place = Path(cell.bundles or folder) / name
        place.parent.mkdir(parents=True, exist_ok=True)
        made = zif.compile(prepared.path, place, cell.target, overwrite=True, verify=False, **wishes(cell))
        plan = made.plans[cell.target]
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file() and not _is_told(path, place))
    return {**of_plan(plan), "bytes": size, "notes": tuple(event.text for event in made.events[cell.target])}


def _is_told(file: Path, bundle: Path) -> bool:
    """Whether it is one of zif's own documents, which are as long as the figures in them."""
    return file.parent == bundle and file.suffix == ".json"


def _verify(cell: Cell, prepared: Prepared) -> Fields:
    samples = None
    if cell.subject.samples:
        model = zif.Model.load(prepared.path, dict(cell.subject.shapes))
        how = parse_preprocess(cell.subject.preprocess) if cell.subject.preprocess else None
        samples = samples_of(Path(cell.subject.samples), model, how)
    told = verify(prepared.path, cell.target, samples, **wishes(cell))
    words = [segment.word for segment in told.segments]
    ratios = [row.sqnr_db for segment in told.segments for row in segment.tensors if row.sqnr_db is not None]
    finite = [ratio for ratio in ratios if math.isfinite(ratio)]
    wrong = ", ".join(f"segment {segment.segment} on {segment.backend}" for segment in told.wrong)
    about = {
        "word": next((word for word in ("wrong", "unholdable", "coarse", "unchecked", "right") if word in words), ""),
        "sqnr_db": min(finite) if finite else None,
        "backends": tuple(dict.fromkeys(segment.backend for segment in told.segments)),
        "segments": len(told.segments),
        "notes": told.notes,
    }
    return {**about, **_state(f"further from the judge than its precision costs: {wrong}" if wrong else "")}


def _run(cell: Cell, prepared: Prepared) -> Fields:
    with zif.load(prepared.path, cell.target, **wishes(cell)) as session:
        values = random_inputs(session.inputs, 0)
        runs = 1 if session.plan.emulated else cell.runs  # an emulator takes a minute, and its time is no figure
        times = [_once(session, values) for _ in range(runs)]
        return {**of_plan(session.plan), **_timed(session.plan, median(times))}


def _eval(cell: Cell, prepared: Prepared) -> Fields:
    with zif.load(prepared.path, cell.target, **wishes(cell)) as session:
        plan = session.plan
        told = zif.evaluate(session, cell.subject.function)
    return {**of_plan(plan), "accuracy": told.value}


def _profile(cell: Cell, prepared: Prepared) -> Fields:
    """Only where the chip itself is: an emulator's times are none of it."""
    wanted = wishes(cell)
    plan = zif.plan(prepared.path, cell.target, **wanted)
    if plan.emulated:
        return {**of_plan(plan), "state": "skipped", "reason": "there is no hardware of this chip here"}
    with zif.load(prepared.path, cell.target, **{**wanted, "isolate": False}) as session:
        values = random_inputs(session.inputs, 0)
        times = [_once(session, values) for _ in range(cell.runs + 2)][2:]  # the first two warm up
    return {**of_plan(plan), **_timed(plan, median(times))}


def _once(session: Session, values: Mapping[str, Any]) -> float:
    begun = perf_counter()
    session.run(values)
    return 1e6 * (perf_counter() - begun)


def _timed(plan: Plan, us: float) -> Fields:
    """Microseconds of a run: of the chip where it is here, of an emulator where it is not."""
    labelled = any(segment.label for segment in plan.segments)
    return {"seen_us" if plan.emulated or labelled else "measured_us": us}


def _state(reason: str) -> Fields:
    state: State = "failed" if reason else "ok"
    return {"state": state, "reason": reason}


_STAGES: Mapping[str, Callable[[Cell, Prepared], Fields]] = {
    "plan": _plan,
    "compile": _compile,
    "verify": _verify,
    "run": _run,
    "eval": _eval,
    "profile": _profile,
}
