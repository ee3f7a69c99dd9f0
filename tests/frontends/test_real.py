"""Real models come in: each is what its framework computes, and where it is known, what it is about."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from frontends.packages import BASIC_PITCH, FACENET, RESEMBLYZER, SILERO, WAKEWORD
from zoo import entry
from zoo.fetch import Package
from zoo.packages import EFFICIENTNET_CODE, EFFICIENTNET_WEIGHTS

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PITCH = "basic_pitch/saved_models/icassp_2022/nmp"


def laid(folder: Path, *packages: Package) -> Path:
    """The files of packages in a folder, as they lie in the packages."""
    for package in packages:
        for name in package.files:
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package.path(name), place)
    return folder


@pytest.fixture(scope="module")
def torch(frameworks: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    found = frameworks("torch", "zif-torch", "torchvision", "torchao")
    folder = laid(
        tmp_path_factory.mktemp("real"), EFFICIENTNET_CODE, EFFICIENTNET_WEIGHTS, RESEMBLYZER, FACENET, SILERO
    )
    shutil.copyfile(HERE / "real_torch.py", folder / "real_torch.py")
    return found, folder


@pytest.fixture(scope="module")
def tensorflow(frameworks: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    return frameworks("tensorflow", "zif-tensorflow"), laid(tmp_path_factory.mktemp("real"), BASIC_PITCH, WAKEWORD)


def converted(made: tuple[Any, Path], source: str, *words: str) -> Any:
    found, folder = made
    told = found.converted(folder, source, *words)
    assert (told["check"]["skipped"], told["check"]["samples"]) == ("", 3)
    return told


def near(told: Any, least: float = 90) -> bool:
    return all(row["equal"] or row["sqnr_db"] > least for row in told["check"]["outputs"])


def computed(path: Path, *inputs: np.ndarray) -> dict[str, np.ndarray]:
    """By ONNX Runtime, the inputs in their order."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    fed = {value.name: array for value, array in zip(session.get_inputs(), inputs, strict=True)}
    return dict(zip(names, session.run(names, fed), strict=True))


def test_efficientnet_from_its_source_with_any_number_of_pictures(torch: tuple[Any, Path]) -> None:
    told = converted(torch, "real_torch.py:open_lite0")
    assert near(told)
    assert told["check"]["resized"].endswith("=4,3,224,224")
    model = onnx.load(torch[1] / "made.onnx")
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    zoo = entry("efficientnet-lite0")
    (photos,) = zoo.inputs().values()
    (logits,) = computed(torch[1] / "made.onnx", photos).values()
    assert zoo.check({"logits": logits}) == zoo.expected


def test_a_net_of_lstm(torch: tuple[Any, Path]) -> None:
    told = converted(torch, "real_torch.py:voice", "--shape", "mels=1,160,40")
    assert told["operators"]["LSTM"] == 3
    assert near(told)


def test_a_net_that_finds_faces(torch: tuple[Any, Path]) -> None:
    assert near(converted(torch, "real_torch.py:faces", "--shape", "x=1,3,96,128"))


@pytest.mark.parametrize(
    ("net", "shape"), [("Ssd", "image=3,320,320"), ("settled_ssd", "image=3,320,320"), ("Grid", "x=1,3,64,96")]
)
def test_a_detector_with_its_head(torch: tuple[Any, Path], net: str, shape: str) -> None:
    """Boxes, scores and classes, in the order of the source but where scores are as good as equal."""
    told = converted(torch, f"real_torch.py:{net}", "--shape", shape)
    assert "NonMaxSuppression" in told["operators"]
    assert len(told["outputs"]) == 3
    assert near(told, 60)
    assert bool(told["check"]["reordered"]) == (net == "settled_ssd")


def test_an_operator_that_nobody_exports_is_named(torch: tuple[Any, Path]) -> None:
    found, folder = torch
    words = ["real_torch.py:Deformable", "--shape", "x=1,3,16,16", "--shape", "offset=1,18,14,14"]
    done = found.zif("convert", *words, "-o", folder / "no.onnx", cwd=folder)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "torchvision::deform_conv2d" in done.stderr
    assert not (folder / "no.onnx").exists()


@pytest.mark.parametrize("kind", [".tflite", ""])
def test_basic_pitch_hears_the_notes_of_its_onnx_file(tensorflow: tuple[Any, Path], kind: str) -> None:
    zoo = entry("basic-pitch")
    (sound,) = zoo.inputs().values()
    right = computed(zoo.path, sound)
    words = ["--shape", "serving_default_input_2:0=1,43844,1"] if kind else ["--shape", "input_2=1,43844,1"]
    assert near(converted(tensorflow, PITCH + kind, *words), 60)
    made = computed(tensorflow[1] / "made.onnx", sound)
    notes = next(value for value in made.values() if closest(value, right) == "StatefulPartitionedCall:1")
    assert zoo.check({"StatefulPartitionedCall:1": notes}) == zoo.expected


def closest(value: np.ndarray, others: dict[str, np.ndarray]) -> str:
    alike = {name: other for name, other in others.items() if other.shape == value.shape}
    return min(alike, key=lambda name: float(np.abs(alike[name] - value).max()))


@pytest.mark.parametrize("name", ["embedding_model", "okay_nabu"])
def test_nets_of_a_wake_word_in_tflite(tensorflow: tuple[Any, Path], name: str) -> None:
    assert near(converted(tensorflow, f"pyopen_wakeword/models/{name}.tflite"))


def test_mobilenet_in_int8_comes_in_with_a_scale_per_channel(tensorflow: tuple[Any, Path]) -> None:
    found, folder = tensorflow
    found.python("tensorflow", (HERE / "real_tensorflow.py").read_text(), folder)
    assert near(converted(tensorflow, "mobilenet-int8.tflite"), 30)
    model = onnx.load(folder / "made.onnx")
    scales = {one.name: list(one.dims) for one in model.graph.initializer}
    assert any(
        scales.get(node.input[1], [0])[:1] > [8] for node in model.graph.node if node.op_type == "DequantizeLinear"
    )
