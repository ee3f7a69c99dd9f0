"""Core and the quantizer name no vendor and no chip: what is shown of one, and what one wants, comes from its plugin.

But for the names of file formats, and of onnxruntime's folders.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parents[2] / "core" / "src"

WORDS = re.compile(r"qnn|htp|hexagon|vtcm|snapdragon|qualcomm|adreno|rockchip|rknn", re.IGNORECASE)
#: Where a vendor may be named, and why; no chip and no part of one may be anywhere.
FORMATS = {
    "zif/encodings/__init__.py": "QNN's and AIMET's formats of encodings",
    "zif/encodings/config.py": "a bundle's encodings are in QNN's format, besides",
    "zif/encodings/entry.py": "an entry in QNN's format",
    "zif/encodings/export.py": "what is read from a model is as QNN's format says it",
    "zif/encodings/reading.py": "QNN's format is told from the others",
    "zif/encodings/record.py": "the list of formats",
    "zif/encodings/writing.py": "QNN's format is written",
    "zif/schemas/encodings-1.json": "the list of formats",
    "zif/evaluation/comparison/ranges.py": "QNN's format has offsets where others have zero points",
    "zif/inputs/lists.py": "input lists are those of qnn-net-run",
    "zif/inputs/raw.py": "what qnn-net-run takes raw files for",
    "zif/inputs/samples.py": "input lists are those of qnn-net-run",
    "zif/cli/options.py": "the help of --input-list",
}


def named(file: Path) -> set[str]:
    return {word.lower() for word in WORDS.findall(file.read_text(encoding="utf-8"))}


def sources() -> dict[str, Path]:
    files = [file for file in CORE.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    return {file.relative_to(CORE).as_posix(): file for file in files}


def test_core_names_no_vendor() -> None:
    found = {name: words for name, file in sources().items() if (words := named(file))}
    assert len(sources()) > 200
    assert {name: words for name, words in found.items() if name not in FORMATS} == {}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_named_and_nothing_else(name: str) -> None:
    words = named(sources()[name])
    assert "qnn" in words  # else the entry is stale
    assert words <= {"qnn", "qualcomm"}


QUANTIZER = CORE.parents[1] / "plugins" / "quantize" / "src" / "zif_quantize"
#: Where the quantizer may say "qnn", and why.
QUANTIZER_FORMATS = {
    "qdq/__init__.py": "the formats of encodings",
    "cli/encodings.py": "the formats of encodings",
    "cli/quantize.py": "the formats of encodings",
    "rewrites/fusing.py": "onnxruntime's folder of fusions, and the names that it gives nodes",
}


def test_the_quantizer_holds_no_vendors_rules() -> None:
    files = {file.relative_to(QUANTIZER).as_posix(): file for file in QUANTIZER.rglob("*.py")}
    seen = {name: words for name, file in files.items() if (words := named(file))}
    assert len(files) > 40
    assert seen == {name: {"qnn"} for name in QUANTIZER_FORMATS}
