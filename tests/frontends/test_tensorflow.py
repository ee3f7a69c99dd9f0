"""TensorFlow, Keras and TFLite come in: the real frameworks, in an environment of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

FILES = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np, tensorflow as tf, keras
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

keras.utils.set_random_seed(0)
layers = keras.layers
net = keras.Sequential([
    keras.Input((32, 32, 3), name="image"),
    layers.Conv2D(16, 3, padding="same", activation="relu", name="conv1"),
    layers.GlobalAveragePooling2D(),
    layers.Dense(10, name="logits"),
])
picture = keras.Input((16, 24, 3), name="picture")
inside = layers.Conv2D(8, 3, padding="same", activation="relu")(picture)
mask = layers.Conv2D(5, 1, activation="sigmoid", name="mask")(inside)
classes = layers.Softmax(name="classes")(layers.Conv2D(4, 1)(inside))
keras.Model(picture, [mask, classes, layers.GlobalAveragePooling2D(name="mean")(mask)]).save("masks.keras")
net.save("net.keras")
net.save("net.h5")
net.export("saved", verbose=False)
net.save_weights("net.weights.h5")
sound = [keras.Input((7, 8), name="sound"), layers.LSTM(16, return_sequences=True), layers.Dense(3)]
keras.Sequential(sound).save("rnn.keras")
keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x * 2)]).save("lambda.keras")


def pictures():
    for seed in range(8):
        yield [np.random.default_rng(seed).standard_normal((1, 32, 32, 3)).astype(np.float32)]


converter = tf.lite.TFLiteConverter.from_keras_model(net)
open("net.tflite", "wb").write(converter.convert())
converter = tf.lite.TFLiteConverter.from_keras_model(net)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = pictures
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.int8
open("int8.tflite", "wb").write(converter.convert())
converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(picture, mask))
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([image[0][:, :16, :24]] for image in pictures())
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.int8
open("masks-int8.tflite", "wb").write(converter.convert())
converter = tf.lite.TFLiteConverter.from_keras_model(net)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = pictures
converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
open("int16.tflite", "wb").write(converter.convert())
function = tf.function(lambda x: net(x)).get_concrete_function(tf.TensorSpec((1, 32, 32, 3), tf.float32, name="x"))
frozen = convert_variables_to_constants_v2(function).graph.as_graph_def()
open("frozen.pb", "wb").write(frozen.SerializeToString())
for name in ("net.keras", "net.h5", "net.tflite", "frozen.pb"):
    data = open(name, "rb").read()
    open("cut-" + name, "wb").write(data[: len(data) // 2])
open("head-net.h5", "wb").write(open("net.h5", "rb").read()[:100])


class Two(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def twice(self, x):
        return {"y": 2 * x}

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def half(self, x):
        return {"z": x / 2}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="s")])
    def length(self, s):
        return {"n": tf.strings.length(s)}


two = Two()
tf.saved_model.save(two, "two", signatures={"twice": two.twice, "half": two.half})
tf.saved_model.save(two, "strings", signatures={"serving_default": two.length})
both = tf.lite.TFLiteConverter.from_saved_model("two", signature_keys=["twice", "half"])
open("two.tflite", "wb").write(both.convert())


@keras.saving.register_keras_serializable()
class Twice(layers.Layer):
    def call(self, x):
        return 2 * x


keras.Sequential([keras.Input((4,)), Twice()]).save("own.keras")
ids = keras.Input((None,), dtype="int32", name="ids")
rows = layers.Embedding(50, 16)(ids)
rows = layers.LayerNormalization()(rows + layers.MultiHeadAttention(2, 8)(rows, rows))
pooled = layers.GlobalAveragePooling1D()(layers.Bidirectional(layers.GRU(8, return_sequences=True))(rows))
ends = {"topic": layers.Dense(3, name="first")(pooled), "mood": layers.Dense(2, name="second")(pooled)}
keras.Model(ids, ends).save("text.keras")
"""  # fmt: skip


@pytest.fixture(scope="module")
def tensorflow(frameworks: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    found = frameworks("tensorflow", "zif-tensorflow")
    folder = tmp_path_factory.mktemp("tensorflow")
    found.python("tensorflow", FILES, folder)
    return found, folder


def converted(tensorflow: tuple[Any, Path], source: str, *words: str) -> Any:
    found, folder = tensorflow
    return found.converted(folder, source, *words)


@pytest.mark.parametrize(
    "source", ["net.keras", "net.h5", "saved", "net.tflite", "int8.tflite", "frozen.pb", "rnn.keras"]
)
def test_a_source_is_what_tensorflow_computes(tensorflow: tuple[Any, Path], source: str) -> None:
    told = converted(tensorflow, source)
    assert told["check"]["samples"] == 3
    assert not told["check"]["skipped"]
    assert all(row["equal"] or row["sqnr_db"] > 90 for row in told["check"]["outputs"])


def test_int8_comes_in_with_the_scales_that_it_has(tensorflow: tuple[Any, Path]) -> None:
    told = converted(tensorflow, "int8.tflite")
    assert told["inputs"][0]["type"] == "tensor(int8)"
    assert told["operators"]["DequantizeLinear"] >= 4
    assert told["check"]["outputs"][0]["agreement"] == 1


def test_names_are_those_of_the_source(tensorflow: tuple[Any, Path]) -> None:
    told = converted(tensorflow, "saved")
    assert [port["name"] for port in told["inputs"]] == ["image"]


def test_text_of_any_length_is_compared_at_two(tensorflow: tuple[Any, Path]) -> None:
    told = converted(tensorflow, "text.keras")
    assert not any(isinstance(dim, int) for dim in told["inputs"][0]["shape"])
    assert [port["name"] for port in told["outputs"]] == ["mood", "topic"]
    assert told["check"]["resized"] == "ids=2,2"


def test_what_is_left_out_of_a_file_is_told(tensorflow: tuple[Any, Path]) -> None:
    assert "of its signatures half, twice this is the first" in converted(tensorflow, "two.tflite")["notes"]


def test_pictures_turn_when_they_are_asked_to(tensorflow: tuple[Any, Path]) -> None:
    told = converted(tensorflow, "net.keras", "--layout", "nchw", "--shape", "image=1,32,32,3")
    assert told["inputs"][0]["shape"] == [1, 3, 32, 32]
    assert told["layout"] == ["the input 'image' is NCHW, where the source has NHWC"]


@pytest.mark.parametrize(("source", "left"), [("masks.keras", 1), ("masks-int8.tflite", 0)])
def test_pictures_turn_at_the_outputs_too(tensorflow: tuple[Any, Path], source: str, left: int) -> None:
    """A mean over pixels reads one of them, and keeps the order that it had; no other Transpose stays."""
    told = converted(tensorflow, source, "--layout", "nchw")
    shapes = sorted(port["shape"][1:] for port in told["outputs"])
    assert shapes == ([[4, 16, 24], [5], [5, 16, 24]] if left else [[5, 16, 24]])
    assert told["operators"].get("Transpose", 0) == left
    assert len([line for line in told["layout"] if line.startswith("the output")]) == len(shapes) - left
    assert (told["check"]["skipped"], told["check"]["samples"]) == ("", 3)


def test_it_runs_on_the_emulated_chip(tensorflow: tuple[Any, Path]) -> None:
    found, folder = tensorflow
    words = ["-t", "snapdragon-8-gen-3", "--random", "0", "--json"]
    for source in ("net.tflite", "int8.tflite"):
        name = "serving_default_image:0"
        done = found.zif("run", source, "--shape", f"{name}=1,32,32,3", *words, cwd=folder)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("net.weights.h5", "it holds arrays and no layers"),
        ("lambda.keras", "converting it runs a Lambda layer's pickled code"),
        ("cut-net.keras", "cut off or damaged"),
        ("cut-net.h5", "is cut off: it has"),
        ("head-net.h5", "is cut off: it has 100 bytes"),
        ("own.keras", "has the layer Twice, whose code is not in it"),
        ("int16.tflite", "is quantized to 16 bits, which tf2onnx cannot say in ONNX"),
        ("two", "has no signature serving_default; it has half, twice"),
        ("strings", "the operator StringLength cannot be said in ONNX"),
        ("cut-net.tflite", "cut off or damaged"),
        ("cut-frozen.pb", "cannot be read by TensorFlow"),
    ],
)
def test_what_is_wrong_is_one_paragraph(tensorflow: tuple[Any, Path], source: str, said: str) -> None:
    found, folder = tensorflow
    done = found.zif("convert", source, "-o", folder / "wrong.onnx", cwd=folder)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert said in " ".join(done.stderr.split())
    assert not (folder / "wrong.onnx").exists()
