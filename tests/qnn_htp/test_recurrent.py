"""An LSTM on the HTP, written out step by step, in every form that ONNX has and that can be written."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import helper
from qnn_htp.beside import PINNED, made, takes, worst
from zif_qnn_htp.rewrites.recurrent import STEPS as STEPS_AT_MOST

pytestmark = pytest.mark.usefixtures("htp")
STEPS, BATCH, WIDTH, HIDDEN = 6, 2, 8, 12


def layer(
    ways: int = 1, bias: bool = True, start: bool = False, steps: int = STEPS, opset: int = 18, **attributes: Any
) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    chance = np.random.default_rng(0)
    shapes = {"w": (ways, 4 * HIDDEN, WIDTH), "r": (ways, 4 * HIDDEN, HIDDEN), "b": (ways, 8 * HIDDEN)}
    weights = {name: chance.uniform(-0.4, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}
    feed = {"x": chance.standard_normal((steps, BATCH, WIDTH)).astype(np.float32)}
    ends = ["x", "w", "r", "b" if bias else ""]
    if start:
        feed |= {name: chance.standard_normal((ways, BATCH, HIDDEN)).astype(np.float32) for name in ("h", "c")}
        ends += ["", "h", "c"]
    names = ["y", "last", "cell"]
    one = helper.make_node("LSTM", ends, names, "lstm", hidden_size=HIDDEN, **attributes)
    return made([one], feed, names, weights, opset), feed


FORMS: dict[str, dict[str, Any]] = {
    "forward": {},
    "without a bias": {"bias": False},
    "from a state": {"start": True},
    "backward": {"direction": "reverse"},
    "both ways from a state": {"ways": 2, "start": True, "direction": "bidirectional"},
    "one step": {"steps": 1},
    "many steps": {"steps": 40},
    "opset 11": {"opset": 11},
}


@pytest.mark.parametrize("form", FORMS)
def test_it_is_as_right_as_fp16_lets_it_be(form: str) -> None:
    model, feed = layer(**FORMS[form])
    assert worst(model, feed, **PINNED) > 55


def test_weights_may_be_put_together_from_pieces() -> None:
    """As exporters do who keep the gates in another order: computed of constants alone."""
    model, feed = layer(start=True)
    whole = next(one for one in model.graph.initializer if one.name == "w")
    values = onnx.numpy_helper.to_array(whole)
    model.graph.initializer.remove(whole)
    for name, part in {"w0": values[:, : 2 * HIDDEN], "w1": values[:, 2 * HIDDEN :]}.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.ascontiguousarray(part), name))
    model.graph.node.insert(0, helper.make_node("Concat", ["w0", "w1"], ["w"], "together", axis=1))
    assert worst(model, feed, **PINNED) > 55


def test_what_cannot_be_written_out_runs_elsewhere() -> None:
    model, feed = layer(steps=STEPS_AT_MOST + 1)
    assert takes(model) == {"lstm": False}
    assert "LSTM" in zif.plan(model, target="snapdragon-8-gen-3").unit("lstm").verdicts["qnn_htp"].reason
    assert worst(model, feed) > 100
