"""Run by tests, in tests/, with an environment: `python -m rockchip.real model NAME PIN`, or `nodes PART OF`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import zif
from zif.model import Model
from zif.runtime.planners import planner
from zif.testing.nodetests import NodeTest, node_tests

CHIP = "rk3588"
#: Of the largest value: what some roundings to fp16 in a row may cost (one costs 2**-11).
FP16 = 2e-2
#: In the order of preference.
WHO = ["rknn", "qnn_cpu", "reference"]
RANDOM = ("bernoulli", "randomnormal", "randomuniform", "multinomial")


def model(name: str, pin: dict[str, str]) -> dict[str, Any]:
    """A model of the zoo on the NPU and the CPU: where its units ran, how near the outputs are, whether it is right."""
    from zoo import entry

    one = entry(name)
    inputs = one.inputs()
    with zif.load(one.path, CHIP, only=["qnn_cpu"], shapes=one.shapes) as session:
        wanted = session.run(inputs)
    with zif.load(one.path, CHIP, only=["rknn", "qnn_cpu"], shapes=one.shapes, pin=pin) as session:
        made = session.run(inputs)
        places = Counter(unit.backend for unit in session.plan.units)
    floats = [key for key, value in wanted.items() if value.dtype.kind == "f"]
    return {
        "places": places,
        "good": bool(one.good(one.check(made))),
        "sqnr": {key: decibels(wanted[key], made[key]) for key in floats},
    }


def decibels(wanted: Any, made: Any) -> float:
    """Signal to noise."""
    signal, noise = np.float64(wanted), np.float64(wanted) - np.float64(made)
    return round(float(10 * np.log10((signal**2).sum() / max(1e-30, (noise**2).sum()))), 1)


def nodes(part: int, of: int) -> dict[str, Any]:
    """ONNX's node tests, or a part of them: the NPU first, then the CPU engine, then the reference."""
    wrong, used, ran = [], 0, 0
    for test in node_tests()[part::of]:
        if any(word in test.name for word in RANDOM):
            continue
        try:
            found = Model.load(test.model)
            with _loaded(found) as session:
                on_npu = "rknn" in session.plan.backends
                outcome, detail = test.judge(session.run)
                fine = outcome == "right" or (on_npu and _close(session, found, test))
        except zif.ZifError:  # who runs it otherwise is looked at by the tests of the CPU and of the reference
            continue
        ran, used = ran + 1, used + on_npu
        if not fine:
            wrong.append((test.name, detail[:200]))
    return {"ran": ran, "on the NPU": used, "wrong": wrong}


def _loaded(found: Model) -> zif.Session:
    """Every unit that the NPU takes is pinned there; one that does not build after all goes where the plan likes."""
    verdicts = planner(found, CHIP, only=WHO).participants.by_name["rknn"].capabilities.verdicts
    pin = {unit: "rknn" for unit, verdict in verdicts.items() if verdict.supported}
    while True:
        try:
            return zif.load(found, CHIP, only=WHO, pin=pin, cache=False)
        except zif.Unsupported as error:
            refused = {obstacle.unit for obstacle in error.obstacles} & pin.keys()
            if not refused:
                raise
            pin = {unit: name for unit, name in pin.items() if unit not in refused}


def _close(session: zif.Session, found: Model, test: NodeTest) -> bool:
    """Whether every output is as near as fp16 allows, or is the answer to the inputs as fp16 holds them."""
    sys.path.append(str(Path(__file__).resolve().parents[2]))  # the maintainers' tools
    from qnn_htp.htp_first import explained

    for inputs, outputs in test.data:
        graph = test.model.graph
        feeds = {value.name: array for value, array in zip(graph.input, inputs, strict=False)}
        made = session.run(feeds)
        wanted = {value.name: want for value, want in zip(graph.output, outputs, strict=True)}
        near = all(_near(made[name], want) for name, want in wanted.items())
        if not near and not explained(found, feeds, wanted, made):
            return False
    return True


def _near(have: Any, want: Any) -> bool:
    if not isinstance(want, np.ndarray) or want.dtype.kind in "OUSb" or have.shape != want.shape:
        return False
    wide, got = (np.clip(value.astype(np.float64), -65504, 65504) for value in (want, have))
    near = 1.0 if want.dtype.kind in "iu" else FP16 * max(1.0, float(np.abs(wide).max(initial=0)))
    return have.dtype == want.dtype and bool(np.allclose(got, wide, rtol=0, atol=near, equal_nan=True))


if __name__ == "__main__":
    word, *arguments = sys.argv[1:]
    answer = model(arguments[0], json.loads(arguments[1])) if word == "model" else nodes(*map(int, arguments))
    print(json.dumps(answer))
