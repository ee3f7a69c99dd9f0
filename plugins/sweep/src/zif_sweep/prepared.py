"""The model of a cell in its precision: as it is, ready, assumed while planning, or quantized once and kept."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import Any

from attrs import frozen
from zif import NotWritten, UsageError, ZifError
from zif.plugin import write_whole

from zif_sweep.cells import Cell
from zif_sweep.words import ASSUMABLE

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)


@frozen
class Prepared:
    """What a stage is given. assume: as `zif.plan` takes it. made: in words, for the row."""

    path: Path
    assume: str = ""
    made: str = ""


def prepared(cell: Cell) -> Prepared:
    """The model for a cell, quantized where it has to be. Raises ZifError subclasses; NotWritten on a full disk."""
    subject, precision = cell.subject, cell.precision
    file = subject.file(precision)
    if not file:
        raise UsageError(f"{subject.name} has no file for {precision}: its [[model]] names some precisions only")
    if subject.is_ready(precision):
        return Prepared(Path(file), made="ready")
    if precision in ("float", "ready"):
        return Prepared(Path(file), made="as it is")
    if cell.stage == "plan" and not subject.calibration and precision in ASSUMABLE:
        return Prepared(Path(file), precision, "assumed")
    return _quantized(cell, Path(file))


def _quantized(cell: Cell, source: Path) -> Prepared:
    import filelock

    subject = cell.subject
    ranges = "" if subject.calibration else ", ranges of random values"
    text = (
        f"{subject.digest.get('', '')}{cell.precision}{subject.calibration}{subject.preprocess}{dict(subject.shapes)}"
    )
    stem = f"{source.stem}.{cell.precision}.{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    path = Path(cell.work) / f"{stem}.onnx"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_suffix(".lock")):  # another worker may have the same in hand
            if not path.exists():
                write_whole(path, _quantize(cell, source))
    except OSError as error:
        raise not_written(str(path), error) from error
    return Prepared(path, made=f"quantized{ranges}")


def _quantize(cell: Cell, source: Path) -> bytes:
    import zif

    subject = cell.subject
    data: dict[str, Any] = {"random": 0}
    if subject.calibration:
        data = {"calibration": Path(subject.calibration), "preprocess": subject.preprocess}
    made = zif.quantize(source, precision=cell.precision, method="minmax", shapes=dict(subject.shapes), **data)
    content: bytes = made.model.SerializeToString()
    return content


def is_full(error: BaseException) -> bool:
    """Whether a disk had no room: no cell's fault, and of the next one neither."""
    return isinstance(error, NotWritten) or (isinstance(error, OSError) and error.errno in _FULL)


def not_written(what: str, error: OSError) -> ZifError:
    """What to raise for a file that cannot be written."""
    return NotWritten(f"{what} cannot be written: {error.strerror or error}. Free space, or name another place")
