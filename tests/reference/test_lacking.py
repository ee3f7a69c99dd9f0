"""The pages that say which operators the reference lacks say those that it lacks, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import pytest
from zif_reference.operators import claims

ROOT = Path(__file__).resolve().parents[2]


def lacking() -> dict[str, set[str]]:
    """The operators of each domain whose newest version is not deprecated and that the table does not have."""
    newest = {(one.domain, one.name): one for one in onnx.defs.get_all_schemas()}
    have = {(one.domain, one.op_type) for one in claims()}
    found: dict[str, set[str]] = {}
    for (domain, name), schema in newest.items():
        if not schema.deprecated and (domain, name) not in have:
            found.setdefault(domain or "ai.onnx", set()).add(name)
    return found


@pytest.mark.needs(opset=28)  # an older evaluator lacks more
@pytest.mark.parametrize("page", ["plugins/reference/README.md", "docs/onnx-backend.md"])
def test_the_page_names_them(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    (told,) = [paragraph for paragraph in text.split("\n\n") if "lacks three" in paragraph]
    named = set(re.findall(r"`([A-Z]\w+)`", told.partition("lacks three")[2].partition("evaluator")[0]))
    assert named == {name for names in lacking().values() for name in names}
    assert all(f"`{domain}`" in told for domain in lacking())
    assert len(lacking()["ai.onnx"]) == 3
