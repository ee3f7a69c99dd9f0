"""Real models with real inputs, the HTP first and ONNX Runtime's CPU provider for the rest, against the CPU alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import zif
from qnn_htp.htp_first import Split
from zif import Target
from zif.model import Model
from zoo import all_entries, entry

pytestmark = pytest.mark.usefixtures("htp")
#: A unit of these is kept off the HTP: loops and conditions, and what its compiler does not have.
MIXED = ("silero", "silero-op15", "silero-half", "silero-sequence", "minilm-int8", "ddddocr", "ddddocr-int8")


class Cpu:
    """A part of a model in ONNX Runtime's CPU provider, without its optimizations."""

    def __init__(self, part: Model) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        if part.base_dir:
            options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(part.base_dir))
        data, providers = part.proto.SerializeToString(), ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(data, options, providers=providers)
        self._inputs = [value.name for value in self._session.get_inputs()]
        self._outputs = [value.name for value in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        feeds = {name: inputs[name] for name in self._inputs if name in inputs}
        return dict(zip(self._outputs, self._session.run(self._outputs, feeds), strict=True))


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    a, b = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale else float(np.array_equal(a, b))


def agreement(name: str, chip: Target) -> tuple[float, int, int]:
    """The least cosine over all outputs of the first run, units on the HTP, units."""
    one = entry(name)
    model = Model.load(one.path, one.shapes)
    split, feeds = Split.of(model, chip, Cpu), one.inputs()
    given, wanted = split.run(feeds), Cpu(model).run(feeds)
    floats = [key for key in wanted if np.asarray(wanted[key]).dtype.kind == "f"]
    return min(cosine(wanted[key], given[key]) for key in floats), len(split.taken), len(model.units)


@pytest.mark.parametrize("name", ["mtcnn-rnet", "light-squeezenet", "silero-static"])
def test_a_sample_agrees(name: str, chip: Target) -> None:
    found, on_htp, units = agreement(name, chip)
    assert found >= 0.999
    assert on_htp > 0.9 * units


@pytest.mark.slow
@pytest.mark.parametrize("name", [e.name for e in all_entries() if not e.name.startswith("digits")])
def test_every_model_agrees(name: str, chip: Target) -> None:
    found, on_htp, units = agreement(name, chip)
    print(f"{name}: cosine {found:.5f}, {on_htp} of {units} units on the HTP")
    assert found >= 0.999
    if name not in MIXED:
        assert on_htp > 0.9 * units


@pytest.mark.slow
def test_trees_stay_off_the_npu(chip: Target) -> None:
    one = entry("digits-forest")
    answer = __import__("zif_qnn_htp").capabilities(chip, Model.load(one.path, one.shapes))
    assert not any(verdict.supported for unit, verdict in answer.verdicts.items() if "Tree" in unit)


@pytest.mark.slow
def test_words_are_read_from_the_picture(chip: Target) -> None:
    """What a person reads out of the answer is the same, too."""
    for name in ("mtcnn-rnet", "mtcnn-onet", "ppocr-det", "magika"):
        one = entry(name)
        split = Split.of(Model.load(one.path, one.shapes), chip, Cpu)
        assert one.good(one.answer(split.run)), name


def test_compiling_for_every_chip_family_agrees() -> None:
    for name in ("snapdragon-8-gen-1", "snapdragon-x-elite", "snapdragon-8-elite"):
        assert agreement("mtcnn-rnet", zif.target(name))[0] >= 0.999
