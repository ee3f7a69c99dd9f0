"""Quantization encodings as files: QNN's overrides and AIMET's three formats, read, checked, converted and applied."""

from __future__ import annotations

from zif.encodings.export import export
from zif.encodings.reading import read, repaired
from zif.encodings.record import FORMATS, Encoding, Encodings, Problem
from zif.encodings.writing import write
from zif.quantization.encodings.apply import Applied, apply, refuse, refuse_empty, refuse_unmatched, settled
from zif.quantization.encodings.fill import filled
from zif.quantization.encodings.strip import strip

__all__ = [
    "FORMATS",
    "Applied",
    "Encoding",
    "Encodings",
    "Problem",
    "apply",
    "export",
    "filled",
    "read",
    "refuse",
    "refuse_empty",
    "refuse_unmatched",
    "repaired",
    "settled",
    "strip",
    "write",
]
