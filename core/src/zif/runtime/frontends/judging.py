"""A conversion held against its source: both run on the same values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zif.errors import BackendUnavailable, InvalidInput, ZifError
from zif.runtime.frontends.contract import Imported, Origin, Recognized, Request
from zif.runtime.frontends.process import Asked
from zif.runtime.frontends.report import OutputCheck, SourceCheck
from zif.runtime.measures import Tally

if TYPE_CHECKING:
    from zif.model import Model

#: What float32 in another order of sums costs at most, in dB; what is nearer counts as the same. Measured on the models
#: of docs/frontends.md, which lie above 90.
_FLOAT_DB = 60.0
#: Where values are rounded to 8 or 16 bits, a step in the last place more or less is right on both sides.
_QUANTIZED_DB = 25.0
#: Classes and other whole values may tie.
_SAME = 0.98


def judged(
    asked: Asked, source: Origin, found: Recognized, request: Request, made: Imported, path: Path
) -> SourceCheck:
    """The converted model at `path` beside its source. What cannot be compared says why; raises what running raises."""
    from zif.model import Model
    from zif.runtime.verification.judge import Judge
    from zif.runtime.verification.samples import made_samples

    try:
        model = Model.load(path, made.example or None)
        samples = made_samples(model, from_end=False)
        judge = Judge.installed()
        with judge.session(model) as session:
            rows = _rows(asked, source, request, model, samples, session)
    except (BackendUnavailable, InvalidInput) as error:
        return SourceCheck(skipped=str(error))
    if rows is None:
        return SourceCheck(skipped="its frontend cannot run the source")
    return SourceCheck(found.toolchain, len(samples), rows, wrong=_wrong(rows, _is_quantized(model)))


def _rows(
    asked: Asked, source: Origin, request: Request, model: Model, samples: Sequence[Mapping[str, Any]], session: Any
) -> tuple[OutputCheck, ...] | None:
    names = [info.name for info in model.outputs]
    tallies = {name: Tally(scores=True) for name in names}
    for sample in samples:
        right = asked.run(source, request, sample)
        if right is None:
            return None
        made = session.run(sample)
        for name in names:
            _add(tallies[name], name, right, made)
    return tuple(OutputCheck.of(name, tally.figures()) for name, tally in tallies.items())


def _add(tally: Tally, name: str, right: Mapping[str, Any], made: Mapping[str, Any]) -> None:
    if name not in right:
        raise ZifError(
            f"the source gives no output {name!r}; it gives {', '.join(sorted(right)) or 'none'}: rename the model's"
        )
    ours, theirs = np.asarray(made[name]), np.asarray(right[name])
    try:
        tally.add(theirs, ours)
    except ValueError as error:
        raise ZifError(
            f"output {name!r} has another shape than in the source, so tell the frontend's author: {error}"
        ) from error


def _is_quantized(model: Model) -> bool:
    return any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in model.proto.graph.node)


def _wrong(rows: Sequence[OutputCheck], quantized: bool) -> str:
    least = _QUANTIZED_DB if quantized else _FLOAT_DB
    for row in rows:
        if row.equal:
            continue
        if row.sqnr_db is None and row.agreement is None:
            return f"output {row.name!r} has values that are not finite where the source's are"
        if row.sqnr_db is not None and row.sqnr_db < least:
            return f"output {row.name!r} is {row.sqnr_db:.1f} dB from the source, and {least:.0f} is the least"
        if row.sqnr_db is None and row.agreement is not None and row.agreement < _SAME:
            return f"output {row.name!r} agrees with the source in {row.agreement:.1%} of its values"
    return ""
