"""The small files that the thirty lines of the README name: a model, pictures, inputs, a script, plans, encodings.

    python examples/newcomer.py [FOLDER]

Nothing that is there already is written over.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import zif
from onnx import TensorProto, helper, numpy_helper

SHAPE = (1, 3, 224, 224)
SCRIPT = '''import numpy as np


def top1(session):
    """How many of four pictures get the class that the float model gives them."""
    photos, labels = np.load("photos.npy"), np.load("labels.npy")
    return np.mean([session.run({"image": one[None]})["scores"].argmax() == best for one, best in zip(photos, labels)])
'''
CONFIG = {
    "htp_config": {"performance_mode": "burst", "vtcm_mb": 4},
    "cpu_config": {"num_threads": 2, "performance_mode": "balanced"},
}
ENCODINGS = {
    "activation_encodings": {"image": [{"bitwidth": 8, "min": 0.0, "max": 1.0, "scale": 1 / 255, "offset": 0}]},
    "param_encodings": {},
}
WATTS = "target,processor,mode,watts,low,high,source\nsnapdragon-8-gen-3,npu,,3.1,2.9,3.4,a meter of ours\n"


def network(batch: int | str = 1) -> onnx.ModelProto:
    """image float32[batch, 3, 224, 224] to scores float32[batch, 10]: convolutions, an Erf, a head."""
    rng = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        fan_in = int(np.prod(shape[1:])) or 1
        return numpy_helper.from_array((rng.standard_normal(shape) / fan_in**0.5).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["a"], "Conv_12", strides=[2, 2], pads=[1, 1, 0, 0]),
        helper.make_node("Relu", ["a"], ["b"], "Relu_12"),
        helper.make_node("Conv", ["b", "w2"], ["c"], "/head/conv", strides=[2, 2], pads=[1, 1, 0, 0]),
        helper.make_node("Erf", ["c"], ["d"], "/head/erf"),
        helper.make_node("GlobalAveragePool", ["d"], ["e"], "/head/pool"),
        helper.make_node("Flatten", ["e"], ["f"], "/head/flatten"),
        helper.make_node("Gemm", ["f", "w3"], ["g"], "/head/fc"),
        helper.make_node("Softmax", ["g"], ["scores"], "Softmax_3"),
    ]
    tensors = [weights("w1", 32, 3, 3, 3), weights("w2", 64, 32, 3, 3), weights("w3", 64, 10)]
    ends = [
        helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, *SHAPE[1:]]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 10]),
    ]
    graph = helper.make_graph(nodes, "newcomer", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def pictures(folder: Path) -> None:
    """Four pictures as PNG, as arrays of 0 to 1, and the classes that the model gives them."""
    from PIL import Image

    (folder / "photos").mkdir(exist_ok=True)
    dots = np.random.default_rng(1).integers(0, 256, (4, 7, 7, 3)).astype(np.uint8).repeat(32, 1).repeat(32, 2)
    for number, dot in enumerate(dots):
        Image.fromarray(dot).save(folder / "photos" / f"{number}.png")
    photos = (dots.transpose(0, 3, 1, 2) / 255).astype(np.float32)
    with zif.load(network()) as session:
        labels = [session.run({"image": photo[None]})["scores"].argmax() for photo in photos]
    np.save(folder / "photos.npy", photos)
    np.save(folder / "labels.npy", np.array(labels))
    np.save(folder / "x.npy", photos[:1])


def main(folder: Path) -> None:
    """Write what is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "photos").is_dir():
        pictures(folder)
    photos = np.load(folder / "photos.npy")
    quantized = zif.quantize(network(), [{"image": photo[None]} for photo in photos], "w8a8", method="minmax")
    written = {
        "model.onnx": network().SerializeToString(),
        "open.onnx": network("batch").SerializeToString(),
        "quantized.onnx": quantized.model.SerializeToString(),
        "quantization_config.json": json.dumps(ENCODINGS).encode(),
        "my.py": SCRIPT.encode(),
        "backend_config.json": json.dumps(CONFIG).encode(),
        "watts.csv": WATTS.encode(),
        "old.json": json.dumps(zif.plan(network()).to_json()).encode(),
    }
    for name, data in written.items():
        if not (folder / name).exists():
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
