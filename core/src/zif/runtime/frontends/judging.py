"""A conversion held against its source: both run on the same values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve

from zif.errors import BackendUnavailable, InvalidInput, InvalidModel, ZifError
from zif.runtime.frontends.contract import Imported, Origin, Recognized, Request
from zif.runtime.frontends.process import Asked
from zif.runtime.frontends.ranking import aligned
from zif.runtime.frontends.report import OutputCheck, SourceCheck
from zif.runtime.frontends.resizing import Shapes, other_shapes, resized, told
from zif.runtime.measures import Tally

if TYPE_CHECKING:
    from zif.model import Model
    from zif.records import Arrays
    from zif.runtime.verification.judge import Judge

#: What float32 in another order of sums costs at most, in dB; what is nearer counts as the same. Measured on the models
#: of docs/frontends.md, which lie above 90.
_FLOAT_DB = 60.0
#: Where values are rounded to 8 or 16 bits, a step in the last place more or less is right on both sides.
_QUANTIZED_DB = 25.0
#: Classes and other whole values may tie.
_SAME = 0.98


def judged(
    asked: Asked, source: Origin, recognized: Recognized, request: Request, made: Imported, path: Path
) -> SourceCheck:
    """The converted model at `path` beside its source. What cannot be compared says why; raises what running raises."""
    from zif.runtime.verification.judge import Judge
    from zif.runtime.verification.samples import made_samples

    try:
        model = loaded(made, path, made.example or None)
        samples = made_samples(model, from_end=False)
        judge = Judge.installed()
        with judge.session(model) as session:
            compared = _compared(asked, source, request, model, samples, session)
        if compared is None:
            return SourceCheck(skipped="its frontend cannot run the source")
        wrong = _wrong(compared.rows, _is_quantized(model))
        check = SourceCheck(recognized.toolchain, len(samples), compared.rows, wrong=wrong, reordered=compared.moved)
        if check.wrong or not made.example:
            return check
        return _resized(check, asked, source, request, path, samples[0], judge)
    except (BackendUnavailable, InvalidInput) as error:
        return SourceCheck(skipped=str(error))


def loaded(made: Imported, path: Path, shapes: Shapes | None = None) -> Model:
    """The converted model. Raises InvalidModel that blames the exporter where it is none."""
    from zif.model import Model

    try:
        return Model.load(path, shapes)
    except InvalidModel as error:
        why = str(error).removeprefix(str(path)).strip(" :")
        raise InvalidModel(f"what {made.tool} wrote is no valid ONNX: {why}") from error


class _Compared:
    """Figures of each output, summed up over samples. moved: rows that stand elsewhere among equal scores."""

    def __init__(self, model: Model) -> None:
        self._tallies = {info.name: Tally(scores=True) for info in model.outputs}
        self.moved = 0

    def add(self, right: Mapping[str, Any], made: Mapping[str, Any]) -> None:
        """Count what both gave for one sample."""
        made, moved = aligned(right, made)
        self.moved += moved
        for name, tally in self._tallies.items():
            _add(tally, name, right, made)

    @property
    def rows(self) -> tuple[OutputCheck, ...]:
        return tuple(OutputCheck.of(name, tally.figures()) for name, tally in self._tallies.items())


def _compared(
    asked: Asked, source: Origin, request: Request, model: Model, samples: Sequence[Arrays], session: Any
) -> _Compared | None:
    compared = _Compared(model)
    for sample in samples:
        right = asked.run(source, request, sample)
        if right is None:
            return None
        compared.add(right, session.run(sample))
    return compared


def _resized(
    check: SourceCheck, asked: Asked, source: Origin, request: Request, path: Path, sample: Arrays, judge: Judge
) -> SourceCheck:
    """The check of a model with open dimensions, held against its source in another size, too."""
    dims = {name: np.asarray(value).shape for name, value in sample.items()}
    for shapes in other_shapes(path, dims):
        larger = resized(sample, shapes)
        try:
            right = asked.run(source, request, larger)
        except ZifError:  # a size that the source does not take
            continue
        return evolve(check, resized=told(shapes), wrong=_at_size(right or {}, larger, shapes, path, judge))
    return check


def _at_size(right: Arrays, sample: Arrays, shapes: Shapes, path: Path, judge: Judge) -> str:
    """What is wrong at these shapes, where the source gives this."""
    from zif.model import Model

    try:
        model = Model.load(path, shapes)
        compared = _Compared(model)
        with judge.session(model) as session:
            compared.add(right, session.run(sample))
    except ZifError as error:
        return f"with {told(shapes)}, which the source takes: {error}"
    wrong = _wrong(compared.rows, _is_quantized(model))
    return f"with {told(shapes)}, {wrong}" if wrong else ""


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
