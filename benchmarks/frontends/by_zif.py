"""What zif makes of a source, in the process of its framework; copied beside the models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import zif


def by_zif(source: Any, folder: Path, **asked: Any) -> dict[str, Any]:
    """How far the conversion is from its source, or why there is none."""
    try:
        report = zif.convert(source, folder / "ours.onnx", cache=False, **asked).report
    except zif.ZifError as error:
        return {"refused": " ".join(str(error).split())}
    if report.check.skipped:
        return {"refused": report.check.skipped}
    ratios = [output.sqnr_db for output in report.check.outputs if not output.equal]
    return {"opset": report.opset, "tool": report.tool, "notes": list(report.notes), "db": min(ratios, default=None)}
