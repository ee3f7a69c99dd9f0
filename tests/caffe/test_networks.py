"""Whole networks: older formats, layers in place, phases, folding, the two files, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from zif import InvalidModel, Unsupported, UsageError
from zif.plugin import Request
from zif_caffe import recognize
from zif_caffe.messages import message
from zif_caffe.network import read
from zif_caffe.source import judged, kind, pair
from zif_caffe.translate import convert

from caffe.nets import saved, values
from caffe.test_layers import made

INPUT = 'name: "net"\ninput: "data"\ninput_dim: 1\ninput_dim: 3\ninput_dim: 8\ninput_dim: 8\n'
CONV = (
    'layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" '
    "convolution_param { num_output: 4 kernel_size: 3 } }\n"
)
RELU = 'layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }\n'
WEIGHTS = {"conv1": [values(1, 4, 3, 3, 3), values(2, 4)]}
X = {"data": values(3, 1, 3, 8, 8)}


def held(path: Path) -> None:
    """The network is what OpenCV makes of it."""
    pytest.importorskip("cv2", reason="OpenCV 4 runs the source")
    right = judged(path, Request(), X)
    ours = made(path, X)
    assert set(ours) == set(right)
    for name, array in right.items():
        np.testing.assert_allclose(ours[name], array, rtol=1e-4, atol=1e-5)


def test_a_layer_in_place_leaves_the_name_to_the_last_value(tmp_path: Path) -> None:
    path = saved(tmp_path, INPUT + CONV + RELU, WEIGHTS)
    held(path)
    model = convert(read(*pair(path)), {}).model.graph
    assert [node.name for node in model.node] == ["conv1", "relu1"]
    assert [list(node.output) for node in model.node] == [["conv1/conv1"], ["conv1"]]


def test_an_input_that_is_rewritten_stays_the_input(tmp_path: Path) -> None:
    path = saved(tmp_path, INPUT + 'layer { name: "r" type: "ReLU" bottom: "data" top: "data" }\n' + CONV, WEIGHTS)
    model = convert(read(*pair(path)), {}).model.graph
    assert [value.name for value in model.input] == ["data"]
    held(path)


def test_the_second_format_is_upgraded(tmp_path: Path) -> None:
    text = INPUT + (
        'layers { name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1" '
        "convolution_param { num_output: 4 kernel_size: 3 } }\n"
        'layers { name: "relu1" type: RELU bottom: "conv1" top: "conv1" }\n'
        'layers { name: "pool" type: POOLING bottom: "conv1" top: "pool" pooling_param { kernel_size: 2 stride: 2 } }\n'
        'layers { name: "prob" type: SOFTMAX bottom: "pool" top: "prob" }\n'
    )
    path = saved(tmp_path, text, WEIGHTS)
    net = message("WeightedNet")(name="net")
    layer = net.layers.add(name="conv1", type=4)
    for array in WEIGHTS["conv1"]:
        dims = (*(1,) * (4 - array.ndim), *array.shape)
        blob = layer.blobs.add(num=dims[0], channels=dims[1], height=dims[2], width=dims[3])
        blob.data.append(array.tobytes())
    path.with_suffix(".caffemodel").write_bytes(net.SerializeToString())
    held(path)


def test_a_scale_behind_a_batch_norm_is_folded_into_it(tmp_path: Path) -> None:
    text = INPUT + (
        'layer { name: "bn" type: "BatchNorm" bottom: "data" top: "bn" }\n'
        'layer { name: "sc" type: "Scale" bottom: "bn" top: "bn" scale_param { bias_term: true } }\n'
    )
    norm = [values(1, 3), np.abs(values(2, 3)), np.array([1.5])]
    path = saved(tmp_path, text, {"bn": norm, "sc": [values(4, 3), values(5, 3)]})
    assert [node.op_type for node in convert(read(*pair(path)), {}).model.graph.node] == ["BatchNormalization"]
    held(path)


def test_a_batch_norm_that_others_read_keeps_its_scale_apart(tmp_path: Path) -> None:
    text = INPUT + (
        'layer { name: "bn" type: "BatchNorm" bottom: "data" top: "bn" }\n'
        'layer { name: "sc" type: "Scale" bottom: "bn" top: "sc" scale_param { bias_term: true } }\n'
        'layer { name: "sum" type: "Eltwise" bottom: "bn" bottom: "sc" top: "sum" }\n'
    )
    norm = [values(1, 3), np.abs(values(2, 3)), np.array([1.5])]
    path = saved(tmp_path, text, {"bn": norm, "sc": [values(4, 3), values(5, 3)]})
    operators = [node.op_type for node in convert(read(*pair(path)), {}).model.graph.node]
    assert operators == ["BatchNormalization", "Mul", "Add", "Add"]
    held(path)


TRAINING = (
    'layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN } }\n'
    'layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST } }\n'
    + CONV
    + 'layer { name: "drop" type: "Dropout" bottom: "conv1" top: "conv1" include { phase: TRAIN } }\n'
    + 'layer { name: "ip" type: "InnerProduct" bottom: "conv1" top: "ip" inner_product_param { num_output: 5 } }\n'
    + 'layer { name: "acc" type: "Accuracy" bottom: "ip" bottom: "label" top: "acc" include { phase: TEST } }\n'
    + 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }\n'
)


def test_a_network_for_training_comes_in_without_what_only_training_needs(tmp_path: Path) -> None:
    path = saved(tmp_path, TRAINING, WEIGHTS | {"ip": [values(4, 5, 144), values(5, 5)]})
    found = convert(read(*pair(path)), {"data": (1, 3, 8, 8)})
    assert [value.name for value in found.model.graph.output] == ["ip"]
    assert "loss (SoftmaxWithLoss)" in found.notes[0]
    with pytest.raises(UsageError, match="give --shape data="):
        convert(read(*pair(path)), {})
    with pytest.raises(UsageError, match="the inputs are data"):
        convert(read(*pair(path)), {"x": (1,)})


def test_what_the_text_says_and_nobody_reads_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path, INPUT + CONV.replace("kernel_size: 3", "kernel_size: 3 winograd: true"), WEIGHTS)
    assert convert(read(*pair(path)), {}).notes == ("not used: winograd",)


def test_both_files_are_recognized_by_what_they_hold(tmp_path: Path) -> None:
    path = saved(tmp_path, INPUT + CONV, WEIGHTS, "a")
    weights = path.with_suffix(".caffemodel")
    assert (kind(path), kind(weights)) == ("text", "weights")
    for file in (path, weights):
        found = recognize(file)
        assert found is not None
        assert sorted(found.files) == sorted([str(path), str(weights)])
    weights.rename(tmp_path / "iter_1000.caffemodel")
    found = recognize(path)
    assert found is not None
    assert not found.problem
    (tmp_path / "iter_2000.caffemodel").write_bytes((tmp_path / "iter_1000.caffemodel").read_bytes())
    found = recognize(path)
    assert found is not None
    assert "several lie there: iter_1000.caffemodel, iter_2000.caffemodel" in found.problem


def test_one_file_without_the_other_says_what_is_missing(tmp_path: Path) -> None:
    path = saved(tmp_path, INPUT + CONV, WEIGHTS)
    weights = path.with_suffix(".caffemodel")
    path.rename(tmp_path / "kept")
    found = recognize(weights)
    assert found is not None
    assert "needs the text of the network beside it, and none lies there" in found.problem
    weights.unlink()
    (tmp_path / "kept").rename(path)
    found = recognize(path)
    assert found is not None
    assert f"Put them there as {path.stem}.caffemodel" in found.problem


@pytest.mark.parametrize(
    ("change", "kind_of_error", "word"),
    [
        (lambda text: text[: len(text) // 2], InvalidModel, "is no Caffe network"),
        (lambda text: text.replace("num_output: 4", "num_output: 5"), InvalidModel, "belong to another network"),
        (lambda text: text.replace('name: "conv1"', 'name: "other"'), InvalidModel, "layer 'other' .* needs weights"),
        (lambda text: text.replace('bottom: "data"', 'bottom: "date"'), InvalidModel, "reads 'date', which nothing"),
        (lambda text: text.replace('"Convolution"', '"Kernel"'), Unsupported, "of the type 'Kernel'"),
        (lambda text: text.replace("kernel_size: 3", ""), InvalidModel, "has no kernel_size"),
        (lambda text: text.replace("kernel_size: 3", "kernel_size: many"), InvalidModel, "is no Caffe network"),
        (lambda _: INPUT, InvalidModel, "has no layers"),
        (lambda text: text.replace("input_dim: 8", "input_dim: 0"), InvalidModel, "give --shape data="),
        (lambda _: 'layers { layer { name: "c" type: "conv" } }\n', InvalidModel, "first format"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(tmp_path: Path, change, kind_of_error: type[Exception], word: str) -> None:
    path = saved(tmp_path, INPUT + CONV, WEIGHTS)
    path.write_text(change(path.read_text()))
    with pytest.raises(kind_of_error, match=word):
        convert(read(path, path.with_suffix(".caffemodel")), {})


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_weights_that_are_cut_off_say_so(tmp_path: Path, share: float) -> None:
    path = saved(tmp_path, INPUT + CONV, WEIGHTS)
    weights = path.with_suffix(".caffemodel")
    data = weights.read_bytes()
    weights.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InvalidModel):
        read(path, weights)


def test_a_text_that_is_nested_without_end_is_no_traceback(tmp_path: Path) -> None:
    path = saved(tmp_path, INPUT + CONV, WEIGHTS)
    path.write_text("layer { " + "unknown { " * 20_000)
    with pytest.raises(InvalidModel):
        read(path, path.with_suffix(".caffemodel"))
