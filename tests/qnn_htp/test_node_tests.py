"""Every ONNX node test with the HTP first: what it takes it computes right, as far as fp16 goes.

Needs no other backend: what the HTP does not take runs in onnx's reference evaluator, whose own failures do not count.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import attrs
import pytest
from qnn_htp.htp_first import rows
from zif.testing.nodetests import node_tests

pytestmark = pytest.mark.usefixtures("htp")
#: Operators whose answer is chance: the values cannot be compared.
RANDOM = ("bernoulli", "randomnormal", "randomuniform", "multinomial")


def faults(tests: list[object], name: str) -> list[object]:
    """The rows that are not right; all go to a file in the folder ZIF_NODE_TEST_TABLES, if there is one."""
    found = list(rows(tests, "snapdragon-8-gen-3"))  # type: ignore[arg-type]
    if folder := os.environ.get("ZIF_NODE_TEST_TABLES"):
        Path(folder, f"{name}.json").write_text(json.dumps([attrs.asdict(row) for row in found], indent=1))
    print(Counter(row.outcome for row in found), sum(row.on_htp > 0 for row in found), "tests used the HTP")
    return [row for row in found if row.outcome not in ("right", "fp16", "not on HTP") and row.on_htp]


def comparable() -> list[object]:
    return [test for test in node_tests() if not any(word in test.name for word in RANDOM)]


def test_a_sample() -> None:
    assert faults(comparable()[::120], "sample") == []


@pytest.mark.slow
def test_all() -> None:
    assert faults(comparable(), "all") == []
