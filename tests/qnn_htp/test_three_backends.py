"""ONNX's node tests as a user would run them for a chip: HTP first, then the CPU engine, then the reference.

Every unit that the HTP takes is pinned there; the plan gives the rest to whoever takes it. A table goes to
`out/node-tests-htp.md`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zif
from attrs import frozen
from qnn_htp.htp_first import explained
from zif.model import Model
from zif.runtime.planners import planner
from zif.testing.nodetests import NodeTest, node_tests

CHIP = "snapdragon-8-gen-3"
ROOT = Path(__file__).resolve().parents[2]
#: Of the largest value: what some roundings to fp16 in a row may cost (one costs 2**-11).
FP16 = 2e-2
RANDOM = ("bernoulli", "randomnormal", "randomuniform", "multinomial")
pytestmark = [
    pytest.mark.usefixtures("htp"),
    pytest.mark.skipif(
        not {"qnn_cpu", "qnn_htp", "reference"} <= {row.name for row in zif.installed()},
        reason="needs zif-qnn-htp, zif-qnn-cpu and zif-reference installed",
    ),
]


@frozen
class Row:
    name: str
    outcome: str
    detail: str = ""
    backends: tuple[str, ...] = ()


def run(test: NodeTest) -> Row:
    """Right by ONNX's own tolerance, or on the HTP by fp16's; wrong; or the error."""
    try:
        model = Model.load(test.model)
        with _loaded(model) as session:
            used = session.plan.backends
            known = {info.name for info in (*session.inputs, *session.optional_inputs)}
            outcome, detail = test.judge(lambda feeds: session.run(_fed(feeds, known)))
            if outcome != "right" and "qnn_htp" in used and close(session, model, test, known):
                outcome = "fp16"
            return Row(test.name, outcome, detail, used)
    except zif.ZifError as error:
        return Row(test.name, "error", str(error)[:200])


def _loaded(model: Model) -> zif.Session:
    """Every unit that the HTP takes is pinned there; one that does not build after all goes where the plan likes."""
    verdicts = planner(model, CHIP).participants.by_name["qnn_htp"].capabilities.verdicts
    pin = {unit: "qnn_htp" for unit, verdict in verdicts.items() if verdict.supported}
    while True:
        try:
            return zif.load(model, target=CHIP, pin=pin, cache=False)
        except zif.Unsupported as error:
            refused = {obstacle.unit for obstacle in error.obstacles} & pin.keys()
            if not refused:
                raise
            pin = {unit: name for unit, name in pin.items() if unit not in refused}


def _fed(feeds: Any, known: set[str]) -> dict[str, Any]:
    return {name: value for name, value in feeds.items() if name in known}


def close(session: zif.Session, model: Model, test: NodeTest, known: set[str]) -> bool:
    """Whether every output is as near as fp16 allows, or is the answer to the inputs as fp16 holds them."""
    for inputs, outputs in test.data:
        graph = test.model.graph
        feeds = _fed({v.name: array for v, array in zip(graph.input, inputs, strict=False)}, known)
        made = session.run(feeds)
        wanted = {value.name: want for value, want in zip(graph.output, outputs, strict=True)}
        near = all(_near(made[name], want) for name, want in wanted.items())
        if not near and not explained(model, feeds, wanted, made):
            return False
    return True


def _near(have: Any, want: Any) -> bool:
    """Within fp16's tolerance; whole numbers that were rounded may be one off, what fp16 cannot hold saturates."""
    if not isinstance(want, np.ndarray) or want.dtype.kind in "OUSb" or have.shape != want.shape:
        return False
    wide, got = (np.clip(value.astype(np.float64), -65504, 65504) for value in (want, have))
    near = 1.0 if want.dtype.kind in "iu" else FP16 * max(1.0, float(np.abs(wide).max(initial=0)))
    return have.dtype == want.dtype and bool(np.allclose(got, wide, rtol=0, atol=near, equal_nan=True))


def faults(rows: list[Row]) -> list[Row]:
    bad = [row for row in rows if row.outcome not in ("right", "fp16")]
    return [row for row in bad if not any(word in row.name for word in RANDOM)]


def test_a_sample() -> None:
    rows = [run(test) for test in node_tests(("abs", "conv", "matmul", "softmax", "hardswish", "stft", "resize"))]
    assert faults(rows) == []
    assert {row.backends for row in rows} > {("qnn_htp",), ("qnn_cpu",)}


@pytest.mark.slow
def test_all() -> None:
    rows = [run(test) for test in node_tests()]
    right = sum(row.outcome in ("right", "fp16") for row in rows)
    lines = [f"# ONNX's node tests for {CHIP}: HTP, then CPU, then reference", "", f"{right} of {len(rows)} right."]
    lines += ["", f"{Counter(row.backends for row in rows).most_common()}", ""]
    lines += [f"- {row.name}: {row.outcome}: {row.detail} {row.backends}" for row in rows if row.outcome != "right"]
    (ROOT / "out").mkdir(exist_ok=True)
    (ROOT / "out" / "node-tests-htp.md").write_text("\n".join(lines) + "\n")
    assert right >= 1868
    assert faults(rows) == []
