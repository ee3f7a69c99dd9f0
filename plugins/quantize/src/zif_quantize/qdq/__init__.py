"""Quantization encodings as files: QNN's overrides and AIMET's three formats, read, checked, converted and applied."""

from __future__ import annotations

from zif.encodings.export import export
from zif.encodings.reading import read, repaired
from zif.encodings.record import FORMATS, Encoding, Encodings, Problem
from zif.encodings.writing import write

from zif_quantize.qdq.apply import Applied, apply, refuse, refuse_empty, refuse_unmatched, settled
from zif_quantize.qdq.fill import filled
from zif_quantize.qdq.strip import strip

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
