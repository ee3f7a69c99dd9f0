"""Real models with real inputs, the HTP first and ONNX Runtime's CPU provider for the rest, against the CPU alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import zif
from qnn_htp.as_user import FORMS, row
from qnn_htp.htp_first import Split
from zif import Target
from zif.model import Model
from zoo import all_entries, entry

pytestmark = pytest.mark.usefixtures("htp")
#: A unit of these is kept off the HTP: loops and conditions, and what its compiler does not have.
MIXED = ("silero", "silero-op15", "silero-ifless", "silero-half", "minilm-int8", "ddddocr", "ddddocr-int8")


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


#: What fp16 cannot do: a sum over 256 channels that passes 65504, and a state that goes through 189 steps.
LEAST = {"magika": 0.995, "silero-sequence": 0.997}
#: Quantized, the HTP rounds less often than the model says (a matrix product and its bias at once), which is nearer to
#: the float model, and differs from the quantized one by some steps of 8 bits.
LEAST_QUANTIZED = {"w8a8": 0.97, "w8a16": 0.999}


@pytest.mark.slow
@pytest.mark.parametrize("name", [e.name for e in all_entries()])
def test_every_model_as_a_user_runs_it(name: str) -> None:
    """`zif.load` for the chip: near to the CPU, the real task done, and the emulator never passing for hardware."""
    found = row(entry(name))
    print(found)
    assert found.cosine >= LEAST.get(name, 0.999)
    assert found.good, found.answer
    assert found.kinds.get("qnn_htp", "emulator") == "emulator"
    if name not in MIXED and not name.startswith("digits"):
        assert found.placed.get("qnn_htp", 0) > 0.5 * sum(found.placed.values())


@pytest.mark.slow
@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("name", ["mtcnn-onet", "ppocr-rec"])
def test_quantized_forms_as_a_user_runs_them(name: str, form: str) -> None:
    assert row(entry(name), form).cosine >= LEAST_QUANTIZED[form]


@pytest.mark.parametrize("form", list(FORMS))
def test_a_network_and_its_quantized_forms_as_a_user_runs_them(form: str) -> None:
    model, quantized = row(entry("mtcnn-rnet")), row(entry("mtcnn-rnet"), form)
    assert (model.good, model.cosine >= 0.999) == (True, True)
    assert quantized.cosine >= LEAST_QUANTIZED[form]
    assert model.placed.keys() == {"qnn_htp"}
    # What turns and quantizes the picture may stay on the CPU: then a quarter of the bytes crosses, and no more often.
    assert quantized.beside in ((), ("QuantizeLinear",), ("Transpose", "QuantizeLinear"))
    assert quantized.segments["qnn_htp"] == 1


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
