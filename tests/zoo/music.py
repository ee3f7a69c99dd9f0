"""Basic Pitch: which notes sound. Two seconds of a plucked chord go in, note names come out."""

from __future__ import annotations

import numpy as np

from zoo.entry import Arrays, Entry
from zoo.packages import BASIC_PITCH

RATE = 22_050
SAMPLES = 43_844
CHORD = (48, 55, 64)  # MIDI numbers of C3, G3 and E4
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def plucked(note: int) -> np.ndarray:
    """A string by Karplus and Strong: noise goes round in a loop as long as the period, and the loop smooths it."""
    period = round(RATE / (440 * 2 ** ((note - 69) / 12)))
    string = np.random.default_rng(note).uniform(-1, 1, period)
    rounds = []
    for _ in range(SAMPLES // period + 1):
        rounds.append(string)
        string = 0.498 * (string + np.roll(string, 1))
    return np.concatenate(rounds)[:SAMPLES]


def _sound() -> Arrays:
    chord = np.sum([plucked(note) for note in CHORD], axis=0) / len(CHORD)
    return {"serving_default_input_2:0": chord.astype(np.float32).reshape(1, SAMPLES, 1)}


def _notes(outputs: Arrays) -> str:
    """The notes that sound through most of the first second (86 frames); row 0 of 88 is A0, MIDI number 21."""
    sounding = outputs["StatefulPartitionedCall:1"][0, :86].mean(axis=0)
    return " ".join(f"{_NAMES[(k + 21) % 12]}{(k + 21) // 12 - 1}" for k in np.flatnonzero(sounding > 0.25))


def entries() -> list[Entry]:
    return [
        Entry(
            "basic-pitch",
            lambda: BASIC_PITCH.path("basic_pitch/saved_models/icassp_2022/nmp.onnx"),
            inputs=_sound,
            check=_notes,
            expected="C3 G3 E4",
            licence=BASIC_PITCH.licence,
            shapes={"serving_default_input_2:0": (1, SAMPLES, 1)},
        )
    ]
