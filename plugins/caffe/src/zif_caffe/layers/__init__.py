"""Caffe's layers as ONNX: a function for each type, which writes nodes that make the layer's tops."""

from __future__ import annotations

from collections.abc import Callable

from zif_caffe.graph import Graph
from zif_caffe.layers import convolution, detection, elementwise, indexing, normalizing, pooling, reducing, shaping
from zif_caffe.network import Layer

#: A function that writes a layer whose bottoms and tops are the graph's values.
Writer = Callable[[Graph, Layer], None]

WRITERS: dict[str, Writer] = {
    **convolution.WRITERS,
    **detection.WRITERS,
    **elementwise.WRITERS,
    **indexing.WRITERS,
    **normalizing.WRITERS,
    **pooling.WRITERS,
    **reducing.WRITERS,
    **shaping.WRITERS,
}

_CUT = "its sequences are cut by a second input, which ONNX's LSTM lacks: export it from another framework"
#: Why a known layer is not converted.
REFUSED = {
    "Proposal": "region proposals have no form in ONNX: cut the network before them, and run them in the host",
    "Python": "it is Python code, not in the model: write it as layers, or cut the network before it",
    **dict.fromkeys(("LSTM", "RNN", "Recurrent"), _CUT),
    "Im2col": "Caffe uses it inside of convolutions only: use a Convolution",
    "Filter": "how much comes out depends on the data, batch by batch: cut the network before it",
    "PSROIPooling": "position-sensitive pooling has no form in ONNX: cut the network before it, and run it in the host",
    "HDF5Output": "it writes a file: take it out of the network",
    "DetectionEvaluate": "it compares with labels, which testing lacks: name the deploy network",
}
#: Layers that only training and its evaluation need, with the bottom that remains an output.
LOSSES = frozenset(
    {
        *("Accuracy", "SoftmaxWithLoss", "EuclideanLoss", "HingeLoss", "InfogainLoss", "ContrastiveLoss"),
        *("SigmoidCrossEntropyLoss", "MultinomialLogisticLoss", "MultiBoxLoss", "SmoothL1Loss", "Silence"),
    }
)
#: Layers that bring data, whose shapes the text often leaves to a database.
DATA = frozenset(
    {"Input", "Data", "ImageData", "MemoryData", "DummyData", "HDF5Data", "WindowData", "AnnotatedData", "VideoData"}
)
