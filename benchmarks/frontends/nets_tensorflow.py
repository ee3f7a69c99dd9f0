"""TensorFlow's models of the table: run where TensorFlow is, it writes each, and exports it as the tools say."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from by_zif import by_zif

layers = keras.layers
#: File, what it shows, the shape of its input.
ROWS = (
    ("conv.keras", "Keras, convolutions", (1, 32, 32, 3)),
    ("rnn.keras", "Keras, LSTM", (1, 7, 8)),
    ("saved", "SavedModel", (1, 32, 32, 3)),
    ("conv.h5", "Keras in HDF5", (1, 32, 32, 3)),
    ("conv.tflite", "TFLite, float", (1, 32, 32, 3)),
    ("int8.tflite", "TFLite, int8 per channel", (1, 32, 32, 3)),
)


def _write() -> dict[str, Any]:
    keras.utils.set_random_seed(0)
    picture = keras.Input((32, 32, 3), batch_size=1, name="image")
    conv = [layers.Conv2D(16, 3, padding="same", activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(10)]
    net = keras.Sequential([picture, *conv])
    rnn = keras.Sequential([keras.Input((7, 8), name="sound"), layers.LSTM(16), layers.Dense(3)])
    net.save("conv.keras")
    net.save("conv.h5")
    net.export("saved", verbose=False)
    rnn.save("rnn.keras")
    Path("conv.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(net).convert())
    converter = tf.lite.TFLiteConverter.from_keras_model(net)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([_values((1, 32, 32, 3), seed)] for seed in range(8))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    Path("int8.tflite").write_bytes(converter.convert())
    return {"conv": net, "saved": net, "rnn": rnn}


def _values(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _right(file: str, net: Any, x: np.ndarray) -> np.ndarray:
    if net is not None:
        return np.asarray(net(x))
    interpreter = tf.lite.Interpreter(model_path=file)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    made: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return made


def _tried(file: str, net: Any, shape: tuple[int, ...], folder: Path) -> dict[str, Any]:
    x = _values(shape, 1)
    np.savez(folder / f"{file}.npz", x=x, y=_right(file, None if file.endswith("tflite") else net, x))
    made, ours = str(folder / f"{file}.onnx"), by_zif(file, folder)
    try:
        if file.endswith((".keras", ".h5")):
            keras.models.load_model(file, compile=False).export(made, format="onnx", verbose=False)
        else:
            flag = "--tflite" if file.endswith("tflite") else "--saved-model"
            command = [sys.executable, "-m", "tf2onnx.convert", flag, file, "--output", made]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                return {"ours": ours, "refused": done.stderr.strip().splitlines()[-1][:90]}
    except Exception as error:
        return {"ours": ours, "refused": str(error).strip().splitlines()[0][:90]}
    return {"ours": ours}


if __name__ == "__main__":
    place = Path(sys.argv[1])
    nets = _write()
    told = {file: _tried(file, nets.get(file.partition(".")[0]), shape, place) for file, _, shape in ROWS}
    (place / "alone.json").write_text(json.dumps(told))
