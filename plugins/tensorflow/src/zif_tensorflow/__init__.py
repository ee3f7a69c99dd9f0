"""TensorFlow for zif: SavedModel, Keras, frozen graphs and TFLite as ONNX, held against TensorFlow itself."""

from __future__ import annotations

from zif.plugin import FrontendAt

frontend = FrontendAt(
    recognize="zif_tensorflow.sources:recognized",  # by magic bytes, members and layout; TensorFlow is not imported
    convert="zif_tensorflow.export:exported",
    run="zif_tensorflow.export:computed",
)
