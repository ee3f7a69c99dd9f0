"""Quantization encodings as files: QNN's overrides and AIMET's three formats, read, checked, converted and applied."""

from __future__ import annotations

from zif.quantization.encodings.apply import Applied, apply, refuse, refuse_empty, refuse_unmatched, settled
from zif.quantization.encodings.export import export
from zif.quantization.encodings.fill import filled
from zif.quantization.encodings.reading import read, repaired
from zif.quantization.encodings.record import FORMATS, Encoding, Encodings, Problem
from zif.quantization.encodings.strip import strip
from zif.quantization.encodings.writing import write

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
