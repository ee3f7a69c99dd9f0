"""Core and the quantizer name no vendor and no chip: what is known of one comes from its plugin."""

from __future__ import annotations

import re
from pathlib import Path

CORE = Path(__file__).resolve().parents[2] / "core" / "src"

WORDS = re.compile(r"qnn|htp|hexagon|vtcm|snapdragon|qualcomm|adreno|rockchip|rknn", re.IGNORECASE)


def named(file: Path) -> set[str]:
    return {word.lower() for word in WORDS.findall(file.read_text(encoding="utf-8"))}


def sources() -> dict[str, Path]:
    files = [file for file in CORE.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    return {file.relative_to(CORE).as_posix(): file for file in files}


def test_core_names_no_vendor() -> None:
    assert len(sources()) > 200
    assert {name: words for name, file in sources().items() if (words := named(file))} == {}


QUANTIZER = CORE.parents[1] / "plugins" / "quantize" / "src" / "zif_quantize"
#: Where the quantizer says "qnn", and why.
QUANTIZER_NAMES = {"rewrites/fusing.py": "onnxruntime's folder of fusions, and the names that it gives nodes"}


def test_the_quantizer_holds_no_vendors_rules() -> None:
    files = {file.relative_to(QUANTIZER).as_posix(): file for file in QUANTIZER.rglob("*.py")}
    seen = {name: words for name, file in files.items() if (words := named(file))}
    assert len(files) > 40
    assert seen == {name: {"qnn"} for name in QUANTIZER_NAMES}
