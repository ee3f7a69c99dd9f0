"""Silero VAD in a stream: the state that it keeps is the one that a caller would hand over, on CPU and NPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zif
from zoo import all_entries
from zoo.voice import RATE, area_under_curve, frames, spoken


@pytest.mark.parametrize(
    ("name", "wishes"),
    [
        ("silero", {"only": "qnn_cpu"}),
        ("silero-static", {"only": "qnn_cpu"}),
        ("silero-static", {"target": "snapdragon-8-gen-3", "policy": "power"}),
    ],
)
def test_frames_in_a_stream_are_heard_as_with_the_state_handed_over(name: str, wishes: dict[str, Any]) -> None:
    entry = next(one for one in all_entries() if one.name == name)
    rate = {"sr": np.array(RATE, np.int64)} if name == "silero" else {}
    sound = frames()[:60]
    with zif.load(entry.path, shapes=entry.shapes or None, **wishes) as run:
        state, by_hand = np.zeros((2, 1, 128), np.float32), []
        for frame in sound:
            made = run.run({"input": frame[None], "state": state} | rate)
            state = made["stateN"]
            by_hand.append(float(made["output"][0, 0]))
        stream = run.stream(state={"state": "stateN"}, outputs=["output"])
        heard = [float(stream.run({"input": frame[None]} | rate)["output"][0, 0]) for frame in sound]
        np.testing.assert_array_equal(heard, by_hand)
        np.testing.assert_array_equal(stream.state["state"], state)
        stream.reset()
        assert float(stream.run({"input": sound[0][None]} | rate)["output"][0, 0]) == by_hand[0]
    assert area_under_curve(np.array(heard), spoken()[:60]) > 0.9
