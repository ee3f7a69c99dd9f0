"""Quantization encodings as files: overrides and AIMET's three formats, read, checked, converted and applied."""

from __future__ import annotations

from zif.plugin import (
    FORMATS,
    Encoding,
    Encodings,
    Problem,
    repaired,
)
from zif.plugin import export_encodings as export
from zif.plugin import read_encodings as read
from zif.plugin import write_encodings as write

from zif_quantize.qdq.applying import Applied, apply, refuse, refuse_empty, refuse_unmatched, settled
from zif_quantize.qdq.fill import filled
from zif_quantize.qdq.stripping import strip

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
