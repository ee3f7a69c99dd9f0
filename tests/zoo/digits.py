"""Classic learners of scikit-learn on 8 × 8 handwritten digits, converted to the ai.onnx.ml operators."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo.entry import Arrays, Entry
from zoo.made import made

PINS = ("scikit-learn==1.9.1", "skl2onnx==1.20.0", "onnx==1.23.2", "numpy==2.4.1")


def _folder() -> Path:
    return made("digits", "train_digits.py", PINS)


def _rows() -> Arrays:
    return {"pixels": np.load(_folder() / "digits.npz")["pixels"]}


def _right(outputs: Arrays) -> float:
    """The part of the 540 digits, none of them seen in training, that is told right."""
    return float(np.mean(outputs["digit"] == np.load(_folder() / "digits.npz")["digit"]))


def _entry(kind: str, expected: float) -> Entry:
    return Entry(
        f"digits-{kind}",
        lambda: _folder() / f"{kind}.onnx",
        inputs=_rows,
        check=_right,
        expected=expected,
        licence="BSD-3-Clause",
        shapes={"pixels": (540, 64)},
        slow=True,
    )


def entries() -> list[Entry]:
    return [_entry("forest", 0.95), _entry("svm", 0.97), _entry("neighbours", 0.97)]
