"""Silero VAD: is somebody speaking now? Recordings of an audio book with the time of every word."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zoo.entry import Arrays, Entry, Run
from zoo.packages import POCKETSPHINX, SILERO

RATE = 16_000
STEP = 512  # samples per frame, 32 ms
CONTEXT = 64  # samples of the frame before that each frame starts with
_BOOK = "test/data/librivox/sense_and_sensibility_01_austen_64kb-"
SENTENCE = "0920"  # "Had he married a more amiable woman, he might have been made still more respectable than he was."


def frames(sentence: str = SENTENCE) -> np.ndarray:
    """The recording as float32 frames × 576, each with the end of the one before."""
    with wave.open(str(POCKETSPHINX.path(f"{_BOOK}{sentence}.wav"))) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    count = len(sound) // STEP
    padded = np.concatenate([np.zeros(CONTEXT, np.float32), sound])
    return np.stack([padded[k * STEP : k * STEP + CONTEXT + STEP] for k in range(count)])


def spoken(sentence: str = SENTENCE) -> np.ndarray:
    """For each frame, whether a word is being spoken at its middle: what the aligner of another project says."""
    words = json.loads(POCKETSPHINX.path(f"{_BOOK}{sentence}.json").read_text())["w"]
    middles = (np.arange(len(frames(sentence))) + 0.5) * STEP / RATE
    said = np.zeros(len(middles), bool)
    for word in words:
        if not word["t"].startswith("<"):
            said |= (middles >= word["b"]) & (middles < word["b"] + word["d"])
    return said


def area_under_curve(score: np.ndarray, truth: np.ndarray) -> float:
    """How often a frame with speech scores above one without: 1 is perfect, 0.5 is guessing."""
    return float(np.mean(score[truth][:, None] > score[~truth][None, :]))


def _one_by_one(first: Mapping[str, Any]) -> Callable[[Run], float]:
    """Listen frame by frame; the state that comes out goes in with the next one."""

    def task(run: Run) -> float:
        feed = dict(first)
        scores = []
        for frame in frames():
            outputs = run(feed | {"input": frame[None]})
            feed["state"] = outputs["stateN"]
            scores.append(float(outputs["output"][0, 0]))
        return area_under_curve(np.array(scores), spoken())

    return task


def _first(rate: bool) -> dict[str, Any]:
    state: dict[str, Any] = {"state": np.zeros((2, 1, 128), np.float32)}
    return state | ({"sr": np.array(RATE, np.int64)} if rate else {})


def _streaming(name: str, file: str, rate: bool, fixed: bool = True) -> Entry:
    return Entry(
        name,
        lambda: SILERO.path(f"silero_vad/data/{file}.onnx"),
        inputs=lambda: _first(rate) | {"input": frames()[12][None]},
        check=lambda outputs: float(outputs["output"][0, 0]),
        expected=0.95,
        licence=SILERO.licence,
        shapes={"input": (1, CONTEXT + STEP), "state": (2, 1, 128)} if fixed else {},
        task=_one_by_one(_first(rate)),
    )


def _whole() -> Arrays:
    zero = np.zeros((1, 1, 128), np.float32)
    return {"input": frames(), "h": zero, "c": zero}


def entries() -> list[Entry]:
    return [
        # Fixed to one frame of 16 kHz, its branch for 8 kHz has no valid shapes, and ONNX Runtime refuses the file.
        _streaming("silero", "silero_vad", rate=True, fixed=False),
        _streaming("silero-op15", "silero_vad_16k_op15", rate=True),
        _streaming("silero-ifless", "silero_vad_op18_ifless", rate=True),
        _streaming("silero-half", "silero_vad_half", rate=False),
        _streaming("silero-static", "silero_vad_openvino_16k", rate=False),
        Entry(
            "silero-sequence",
            lambda: SILERO.path("silero_vad/data/silero_vad_16k_sequence.onnx"),
            inputs=_whole,
            check=lambda outputs: area_under_curve(outputs["speech_probs"], spoken()),
            expected=0.95,
            licence=SILERO.licence,
            shapes={"input": (189, CONTEXT + STEP)},
        ),
    ]
