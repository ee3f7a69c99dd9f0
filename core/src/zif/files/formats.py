"""What is known by the bytes that it begins with: formats that no frontend reads, and the way in of each."""

from __future__ import annotations

import re
from typing import NamedTuple


class Kind(NamedTuple):
    """What something is. frontend: the distribution that converts it; "" where `way` says what else to do."""

    what: str
    frontend: str = ""
    way: str = ""


TORCH, TENSORFLOW, CAFFE, JAX = "zif-torch", "zif-tensorflow", "zif-caffe", "zif-jax"

STATE = "it holds arrays and no operators: build the model in its framework, load them, and give zif the model"
NO_WAY = "it has no way back to ONNX: convert the model that it was made from"
PICKLE = Kind("a Python pickle", way="reading one runs code, so zif reads none: save the model in its own format")
SKLEARN = Kind("a pickle of scikit-learn", way="zif reads no pickle: skl2onnx writes ONNX where the model was trained")
CORE_ML = "coremltools has no way back to ONNX: convert the model it was made from"
ARCHIVE = "unpack it, and name the model inside"
_PICTURE = Kind("a picture", way="it goes with --input NAME=FILE; the model is another file")
_ARRAYS = Kind("a numpy array", way="it goes with --input NAME=FILE; the model is another file")
_COMPILED = Kind("a model compiled for one chip", way=NO_WAY)
_TREES = "`pip install onnxmltools` writes ONNX from it, in the environment that it was trained in"

#: What stands at the beginning of a file: the bytes, and where.
MAGIC: tuple[tuple[bytes, int, Kind], ...] = (
    (b"TFL3", 4, Kind("a TFLite model", TENSORFLOW)),
    (b"\x89HDF\r\n\x1a\n", 0, Kind("an HDF5 file, as Keras and Caffe write them", TENSORFLOW)),
    (b"GGUF", 0, Kind("a GGUF file", way=f"{STATE} as ONNX; llama.cpp runs it as it is")),
    *((word, 0, Kind("a GGML file", way=f"{STATE} as ONNX")) for word in (b"lmgg", b"tjgg", b"fmgg")),
    (b"\x93NUMPY", 0, _ARRAYS),
    (b"7767517", 0, Kind("an ncnn model", way=NO_WAY)),
    (b"\xdd\x85\x76\x00", 0, Kind("an ncnn model", way=NO_WAY)),
    *((word, 0, Kind("a TensorRT engine", way=NO_WAY)) for word in (b"ftrt", b"ptrt")),
    (b"ET12", 4, Kind("an ExecuTorch program", way=f"{NO_WAY}, such as the exported program (.pt2)")),
    (b"ORTM", 4, Kind("a model in ONNX Runtime's own format", way=NO_WAY)),
    (b"LDMK", 0, _COMPILED),
    (b"\x01HEF", 0, _COMPILED),
    (b"IMOD", 0, _COMPILED),
    (b"\x7fELF", 0, Kind("a program or a library", way="name the model file")),
    (b"CBM1", 0, Kind("a CatBoost model", way="its `save_model(..., format='onnx')` writes ONNX")),
    (b"{L\0\0\0\0\0\0\0\x07learner", 0, Kind("an XGBoost model", way=_TREES)),
    (b"tree\nversion=", 0, Kind("a LightGBM model", way=_TREES)),
    (b"\x12\x01\0\0\0\0\0\0", 0, Kind("arrays of MXNet", way=STATE)),
    (b"PAR1", 0, Kind("a table in Parquet", way="name the model file")),
    (b"MATLAB 5.0", 0, Kind("arrays of MATLAB", way="name the model file")),
    (b"\x1f\x8b", 0, Kind("a gzip archive", way=ARCHIVE)),
    (b"BZh", 0, Kind("a bzip2 archive", way=ARCHIVE)),
    (b"\xfd7zXZ\0", 0, Kind("an xz archive", way=ARCHIVE)),
    (b"7z\xbc\xaf\x27\x1c", 0, Kind("a 7z archive", way=ARCHIVE)),
    (b"(\xb5/\xfd", 0, Kind("a zstd archive", way=ARCHIVE)),
    (b"Rar!\x1a\x07", 0, Kind("a RAR archive", way=ARCHIVE)),
    (b"ustar", 257, Kind("a tar archive", way=ARCHIVE)),
    *(
        (head, 0, Kind("a pickle that joblib compressed", way=PICKLE.way))
        for head in (b"x\x9c", b"x\x01", b"x\x5e", b"x\xda")
    ),
    (b"%PDF", 0, Kind("a PDF", way="name the model file")),
    (b"\x89PNG", 0, _PICTURE),
    (b"\xff\xd8\xff", 0, _PICTURE),
    (b"version https://git-lfs", 0, Kind("a Git LFS pointer", way="`git lfs pull` fetches the file behind it")),
)

_KERAS = (
    "it holds layers and no weights: build it with keras.models.model_from_json, load the weights, and save it whole "
    "with model.save('m.keras')"
)
_TFJS = "`tensorflowjs_converter --input_format tfjs_layers_model` writes Keras' format from it"
_DARKNET = "build it in PyTorch, load its weights, and give zif the module"
_TRANSFORMERS = "`optimum-cli export onnx --model FOLDER OUT` writes ONNX from its folder"
#: How a text begins, and what it is then.
TEXTS: tuple[tuple[re.Pattern[str], Kind], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), kind)
    for pattern, kind in (
        (r"\s*(<\?xml[^>]*>\s*)?<net\s", Kind("an OpenVINO model", way=NO_WAY)),
        (r"\s*(<!doctype html|<html)", Kind("a web page", way="what was fetched is no model's file: fetch it again")),
        (r"\s*node\s*\{\s*name\s*:", Kind("a TensorFlow graph as text", TENSORFLOW)),
        (r'\s*\{.*"(modelTopology|weightsManifest)"', Kind("a TensorFlow.js model", way=_TFJS)),
        (r'\s*\{.*"(mxnet_version|arg_nodes)"', Kind("an MXNet network", way="MXNet 1.9 exports ONNX from it")),
        (r'\s*\{\s*"learner"', Kind("an XGBoost model", way=_TREES)),
        (r'\s*\{.*"class_name"\s*:\s*"(Sequential|Functional|Model)"', Kind("a Keras model's layers", way=_KERAS)),
        (r'\s*\{.*"(model_type|architectures)"', Kind("a configuration of transformers", way=_TRANSFORMERS)),
        (r"\s*(#[^\n]*\n\s*)*\[(net|network|convolutional)\]\s", Kind("a Darknet network", way=_DARKNET)),
    )
)
#: Pickles of before protocol 2, which have no head: containers, and a reference to code.
OLD_PICKLE = re.compile(rb"\(?[dl]p\d+\n|\(?i?c[A-Za-z_][\w.]*\n\w+\n|[}\])]q\x00")
