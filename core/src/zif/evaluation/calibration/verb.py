"""Correcting a chip's prices by measurements, telling what that gave, and forgetting it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from attrs import frozen

from zif.errors import NotWritten, UsageError
from zif.evaluation.calibration.correct import applied, factors
from zif.evaluation.calibration.reading import Measured
from zif.files.wording import json_text
from zif.files.writing import write_whole
from zif.planning.candidates.assumed import ASSUMED
from zif.planning.costs import coefficients, corrections
from zif.planning.costs.corrections import Correction, Measurement

if TYPE_CHECKING:
    from zif.model import Model
    from zif.records import Target


@frozen
class Row:
    """A measurement beside what was predicted: all times in microseconds."""

    model: str
    precision: str
    us: float
    before_us: float
    after_us: float
    source: str


@frozen
class Calibrated:
    """What is kept of a chip and toolchain after a calibration, with every row that it rests on."""

    target: str
    toolchain: str
    rows: tuple[Row, ...]
    factors: Mapping[str, Mapping[str, float]]
    path: str

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return attrs.asdict(self)


def calibrate(target: Target, measurements: Sequence[Measured], toolchain: str = "") -> Calibrated:
    """Correct the target's prices by measurements, beside those that are kept already, and keep that.

    A later measurement of the same model and precision takes the place of an earlier one. Raises UsageError where the
    target has no fitted prices, where measurements are of several toolchains, and for a model that is not priced;
    InvalidModel for one that cannot be read; NotWritten where nothing can be kept.
    """
    versions = {measurement.toolchain for measurement in measurements if measurement.toolchain} | (
        {toolchain} if toolchain else set()
    )
    if len(versions) > 1:
        raise UsageError(f"these are measurements of {len(versions)} toolchains: {', '.join(sorted(versions))}.")
    version = next(iter(versions), "")
    rows = [_measurement(target, measurement) for measurement in measurements]
    table = _table(target, rows[0].precision if rows else "fp16")
    stamp = table.stamp
    old = corrections.read(corrections.path_of(target.name, version))
    before = old.rows if old is not None and old.prices == stamp else ()
    every = {(row.fingerprint, row.precision): row for row in (*before, *rows)}
    kept = tuple(every.values())
    correction = Correction(target.name, version, stamp, kept, factors(kept, table.covariance))
    return shown(correction, _keep(correction))


def shown(correction: Correction, path: Path | None = None) -> Calibrated:
    """What is kept, row by row before and after."""
    later = applied(correction.rows, correction.factors)
    rows = tuple(
        Row(
            row.model,
            row.precision,
            row.us,
            round(sum(row.priced.values()) + row.fixed_us, 3),
            round(us, 3),
            row.source,
        )
        for row, us in zip(correction.rows, later, strict=True)
    )
    place = path or corrections.path_of(correction.target, correction.toolchain)
    return Calibrated(correction.target, correction.toolchain, rows, correction.factors, str(place))


def forget(target: str, toolchain: str | None = None) -> list[Correction]:
    """Forget what is kept of a chip, of one toolchain or of all. Raises UsageError when that is nothing."""
    matching = [
        correction
        for correction in corrections.kept()
        if correction.target == target and (toolchain is None or correction.toolchain == toolchain)
    ]
    if not matching:
        known = sorted({correction.target for correction in corrections.kept()})
        raise UsageError(f"nothing is kept of {target}; kept are {', '.join(known) or 'none'}.")
    for correction in matching:
        try:
            corrections.path_of(correction.target, correction.toolchain).unlink(missing_ok=True)
        except OSError as error:
            raise NotWritten(
                f"{corrections.path_of(correction.target, correction.toolchain)} cannot be removed: {error}"
            ) from error
    return matching


def _measurement(target: Target, measurement: Measured) -> Measurement:
    """Price the model as the fit has it, without anybody's corrections."""
    from zif.model import Model
    from zif.planning.candidates.assumed import quantized

    model = Model.load(measurement.model)
    word = ASSUMED[measurement.precision][0] if measurement.precision in ASSUMED else _own(model, measurement)
    fit = _prices(target, word)
    priced = quantized(model, measurement.precision) if measurement.precision in ASSUMED and _floats(model) else model
    groups = _by_group(priced, fit, word)
    return Measurement(
        model=model.name,
        fingerprint=model.fingerprint,
        precision=word,
        us=measurement.us,
        priced=groups,
        fixed_us=round(_moving(priced, target), 3),
        source=measurement.where,
        date=datetime.now(UTC).date().isoformat(),
    )


def _floats(model: Model) -> bool:
    from zif.planning.costs.precisions import FLOATS

    return any(unit.precision in FLOATS for unit in model.units)


def _own(model: Model, measurement: Measured) -> str:
    """The arithmetic of most of a graph's work, as the fit names it."""
    work: dict[str, float] = {}
    for unit in model.units:
        work[unit.precision] = work.get(unit.precision, 0.0) + unit.macs + 1
    most = "fp32" if measurement.precision == "float" else max(work, key=lambda word: work[word], default="fp32")
    return {"fp32": "fp16", "bf16": "fp16", "int4": "int8"}.get(most, most)


def _prices(target: Target, word: str) -> coefficients.Coefficients:
    fit = coefficients.fitted(target, word)
    if fit is None:
        raise UsageError(
            f"{target.name} has no fitted prices in {word} that could be corrected; `zif plan` measures here instead."
        )
    return fit


def _table(target: Target, word: str) -> coefficients.Table:
    table = _prices(target, word).table
    assert table is not None
    return table


def _by_group(model: Model, fit: coefficients.Coefficients, word: str) -> dict[str, float]:
    from zif.planning.costs.features import of_model
    from zif.planning.costs.model import took

    counted = of_model(model)
    counts = counted.counts.sum(axis=0) * took(fit, counted, word)
    groups = dict.fromkeys(coefficients.GROUPS, 0.0)
    for group, us in zip(fit.groups, np.append(counts * fit.us, fit.launch_us), strict=True):
        groups[group] += float(us)
    return {group: round(us, 4) for group, us in groups.items()}


def _moving(model: Model, target: Target) -> float:
    rates = target.processors["npu"]
    sizes = [value.nbytes or 0 for value in (*model.inputs, *model.outputs)]
    return sum(rates.link_us + size / rates.link_bytes_per_s * 1e6 for size in sizes)


def _keep(correction: Correction) -> Path:
    path = corrections.path_of(correction.target, correction.toolchain)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json_text(corrections.document_of(correction)), durable=True)
    except OSError as error:
        raise NotWritten(f"{path} cannot be written: {error}; ZIF_DATA names another folder") from error
    return path
