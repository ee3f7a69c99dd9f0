"""`python -m tools.tables.toolchain_page`: what this release of Qualcomm's toolchain takes and gets wrong, as a page.

Written from the tables that the HTP plugin ships, so that it says what plans go by. `--check` only compares.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zif.verdicts.shipped import place_of
from zif_qnn_htp import operators

PAGE = Path(__file__).resolve().parents[2] / "docs" / "toolchain.md"
_CODES = {"observed-wrong": "wrong or failing", "observed-crash": "a crash"}
_LONGEST = 90
#: What was asked when the table was made: it is as old as the table.
_GRID = """
The table is of 5,413 runs of 2026-11-23, by `python -m tools.tables.qnn_htp`: the units of ONNX's node tests, and
operators over the values of their attributes, on pictures of 9 × 11, rows of 20 and a few volumes, with numbers around
1. No short rows, sizes of 1, wide kernels, ties, computed or 64-bit indices, numbers far from 1 or pairs of operators
are among them. Those are held by [rules that name causes](decisions/0010-what-node-tests-do-not-see.md), by
random company (`benchmarks/company.py`), by PyTorch's operators (`benchmarks/operators`) and by
[verification](verification.md), and have no row here. Rules whose cause is mended since then are taken out.
""".strip().splitlines()


def page() -> str:
    """The whole page."""
    table = json.loads(place_of("zif_qnn_htp").read_text(encoding="utf-8"))
    taken = json.loads(operators.TABLE.read_text(encoding="utf-8"))
    rules: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for rule in table["rules"]:
        rules[f"{rule['domain']}.{rule['op_type']}" if rule["domain"] else rule["op_type"]].append(rule)
    return "\n".join([*_head(table, taken, rules), *_body(taken, rules), ""])


def _head(table: Mapping[str, Any], taken: Mapping[str, Any], rules: Mapping[str, Any]) -> Iterator[str]:
    bad = sum(name in rules for name in taken)
    yield "# What Qualcomm's toolchain takes and gets wrong"
    yield ""
    yield f"Of {table['toolchain']}, on the emulator of the HTP: seen, not taken from a document."
    yield f"Source: {table['source']}."
    yield f"{len(taken)} operators were taken in some form, and of {bad} of them some form went wrong. That is kept"
    yield "off the HTP. What zif [writes otherwise](htp.md#what-decides-where-a-unit-runs) before the compiler sees it"
    yield "is right and does not stand here. `python -m tools.tables.toolchain_page` writes this page from the tables"
    yield "that plans go by."
    yield ""
    yield from _GRID
    yield ""
    yield "| operator | element types taken | kept off where | seen | runs gone wrong, and right |"
    yield "|---|---|---|---|---|"


def _body(taken: Mapping[str, Any], rules: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    for name in sorted({*taken, *rules}, key=str.lower):
        types = sorted({word for words in taken.get(name, {}).values() for word in words})
        first = f"| {name} | {', '.join(types) or '–'} |"
        if name not in rules:
            yield f"{first} | | | |"
        for number, rule in enumerate(rules.get(name, ())):
            when = ", ".join(f"`{fact}`" for fact in rule["when"]) or "always"
            said = _CODES.get(rule["code"], rule["code"])
            counts = f"{rule['failed']}, {rule['passed']}"
            yield f"{first if not number else '| | |'} {when} | {said}{_detail(rule)} | {counts} |"


def _detail(rule: Mapping[str, Any]) -> str:
    """What was seen, without what the column says already."""
    _, _, rest = rule["reason"].partition("(")
    text = rest.rpartition(")")[0].replace("|", "/").replace("\n", " ")
    return (
        f": {text[:_LONGEST]}{'…' if len(text) > _LONGEST else ''}" if text and rule["code"] == "observed-wrong" else ""
    )


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tools.tables.toolchain_page", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 where the page is not what the tables say")
    arguments = parser.parse_args()
    if arguments.check:
        return int(PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
