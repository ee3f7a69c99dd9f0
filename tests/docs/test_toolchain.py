"""The page about the toolchain says what the shipped tables say."""

from __future__ import annotations

import pytest

pytest.importorskip("zif_qnn_htp")
from tools.tables import toolchain_page


def test_the_page_is_what_the_tables_say() -> None:
    assert toolchain_page.PAGE.read_text(encoding="utf-8") == toolchain_page.page(), (
        "python -m tools.tables.toolchain_page writes it anew"
    )


def test_every_rule_has_its_row() -> None:
    import json

    from zif.verdicts.shipped import place_of

    rules = json.loads(place_of("zif_qnn_htp").read_text(encoding="utf-8"))["rules"]
    text = toolchain_page.page()
    assert text.count("| wrong or failing") + text.count("| a crash") == len(rules)
