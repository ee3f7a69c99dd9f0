"""A source loaded in TensorFlow: its ends, and what runs it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from attrs import Factory, frozen
from zif import InvalidModel
from zif.plugin import first_line

from zif_tensorflow import keras2

Shape = tuple[int | None, ...]


@frozen
class Runnable:
    """inputs, outputs: the source's names, with the shapes of the inputs. tensors: TensorFlow's name for each, where it
    has another. saved: writes it as a SavedModel into a folder, which it gives. notes: what is left out, as sentences.
    """

    inputs: Mapping[str, Shape]
    outputs: tuple[str, ...]
    run: Callable[[Mapping[str, np.ndarray]], Mapping[str, Any]]
    tensors: Mapping[str, str] = Factory(dict)
    saved: Callable[[Path], Path] = lambda folder: folder
    notes: tuple[str, ...] = ()


def load(source: Any, kind: str, trust: bool = False) -> Runnable:
    """Raises InvalidModel for what is damaged."""
    readers = {"saved_model": _saved_model, "tflite": _tflite, "graph": _graph}
    readers |= {word: lambda path: _keras(path, trust) for word in ("keras", "h5")}
    if kind == "object":
        return _of_keras(source)
    try:
        return readers[kind](source)
    except InvalidModel:
        raise
    except Exception as error:
        raise InvalidModel(_unread(source, error)) from error


def _unread(source: Path, error: Exception) -> str:
    """Why a source cannot be read, and what to do."""
    layer = re.search(r"(?:[Cc]ould not locate class|Unknown layer:?|Unknown object:?) '?(\w+)'?", str(error))
    if layer:
        return (
            f"{source} has the layer {layer[1]}, whose code is not in it: save it with model.export('saved'), which "
            f"keeps what layers compute, and convert that; or give zif.convert the model in memory"
        )
    way = "If it is cut off or damaged, copy or save it again"
    return f"{source} cannot be read by TensorFlow: {first_line(error)}. {way}"


def _saved_model(path: Path) -> Runnable:
    import tensorflow as tf

    try:
        model = tf.saved_model.load(str(path))
    except AttributeError as error:
        if "add_slot" not in str(error):
            raise
        path = keras2.without_slots(path)
        model = tf.saved_model.load(str(path))
    if "serving_default" not in model.signatures:
        have = ", ".join(sorted(model.signatures)) or "none"
        way = "save it with tf.saved_model.save(model, folder, signatures={'serving_default': function})"
        raise InvalidModel(f"{path} has no signature serving_default; it has {have}: {way}")
    function = model.signatures["serving_default"]
    _, keywords = function.structured_input_signature
    shapes = {name: tuple(spec.shape) for name, spec in keywords.items()}
    ends = {**{name: f"serving_default_{name}:0" for name in shapes}}
    ends = {name: _placeholder(function, name) or tensor for name, tensor in ends.items()}

    def run(feeds: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        made = function(**{name: tf.constant(value) for name, value in feeds.items()})
        return {name: value.numpy() for name, value in made.items()}

    run.model = model  # type: ignore[attr-defined]  # a signature does not keep its variables alive
    return Runnable(shapes, tuple(function.structured_outputs), run, ends, lambda _: path)


def _placeholder(function: Any, name: str) -> str:
    """The tensor that feeds an input, as tf2onnx names it."""
    return next((tensor.name for tensor in function.inputs if tensor.name.partition(":")[0] == name), "")


def _tflite(path: Path) -> Runnable:
    import tensorflow as tf

    _check_whole(path)
    interpreter = tf.lite.Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    inputs = {get_input_detail["name"]: get_input_detail for get_input_detail in interpreter.get_input_details()}
    outputs = {get_output_detail["name"]: get_output_detail for get_output_detail in interpreter.get_output_details()}

    def run(feeds: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        for name, about in inputs.items():
            interpreter.resize_tensor_input(about["index"], feeds[name].shape)
        interpreter.allocate_tensors()
        for name, about in inputs.items():
            interpreter.set_tensor(about["index"], feeds[name].astype(about["dtype"]))
        interpreter.invoke()
        return {name: interpreter.get_tensor(about["index"]) for name, about in outputs.items()}

    shapes = {name: tuple(int(dim) for dim in detail["shape"]) for name, detail in inputs.items()}
    signatures = list(interpreter.get_signature_list())
    notes = (f"of its signatures {', '.join(signatures)} this is the first",) if len(signatures) > 1 else ()
    return Runnable(shapes, tuple(outputs), run, {name: name for name in (*inputs, *outputs)}, notes=notes)


def _check_whole(path: Path) -> None:
    """Every table and buffer lies within the file: the interpreter would read behind its end, and die of that."""
    from tensorflow.lite.python import schema_py_generated as schema
    from zif.plugin import WEIGHTS, read_bytes

    data = read_bytes(path, WEIGHTS, InvalidModel)
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
        ends = [int(buffer.offset) + int(buffer.size) for buffer in model.buffers or () if buffer.offset > 1]
    except Exception as error:
        raise InvalidModel(f"{path} is cut off or damaged ({first_line(error)}): copy it again") from error
    if max(ends, default=0) > len(data):
        raise InvalidModel(f"{path} is cut off: it has {len(data)} bytes, and its arrays end at {max(ends)}")


def _keras(path: Path, trust: bool) -> Runnable:
    import keras

    return _of_keras(keras.models.load_model(str(path), compile=False, safe_mode=not trust))


def _of_keras(model: Any) -> Runnable:
    import tensorflow as tf

    shapes = {tensor.name.partition(":")[0]: tuple(tensor.shape) for tensor in model.inputs}
    names = list(dict.fromkeys(_output_names(model)))

    def run(feeds: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        made = model([tf.constant(feeds[name]) for name in shapes], training=False)
        flat = tf.nest.flatten(made)
        return {name: np.asarray(value) for name, value in zip(names, flat, strict=True)}

    def saved(folder: Path) -> Path:
        specs = [
            tf.TensorSpec(shape.shape, shape.dtype, name) for name, shape in zip(shapes, model.inputs, strict=True)
        ]

        def serve(*values: Any) -> dict[str, Any]:
            flat = tf.nest.flatten(model(list(values), training=False))
            return dict(zip(names, flat, strict=True))

        function = tf.function(serve, input_signature=specs)
        tf.saved_model.save(model, str(folder), signatures={"serving_default": function})
        return folder

    return Runnable(shapes, tuple(names), run, {name: f"{name}:0" for name in shapes}, saved)


def _output_names(model: Any) -> list[str]:
    struct = getattr(model, "_outputs_struct", None)
    if isinstance(struct, dict) and not any(isinstance(output, (dict, list, tuple)) for output in struct.values()):
        return sorted(map(str, struct))  # the order in which TensorFlow flattens a dictionary
    names = list(getattr(model, "output_names", None) or [])
    return names or [output.name.partition(":")[0] for output in model.outputs]


def _graph(path: Path) -> Runnable:
    import tensorflow as tf
    from zif.plugin import WEIGHTS, read_bytes

    definition = tf.compat.v1.GraphDef.FromString(read_bytes(path, WEIGHTS, InvalidModel))
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(definition, name="")
    read = {name.partition(":")[0].lstrip("^") for node in definition.node for name in node.input}
    placeholders = [node.name for node in definition.node if node.op == "Placeholder"]
    passive = {"Const", "Placeholder", "NoOp", "Assert"}
    ends = [node.name for node in definition.node if node.name not in read and node.op not in passive]
    if not placeholders or not ends:
        raise InvalidModel(f"{path} is a graph without {'inputs' if not placeholders else 'outputs'}")
    shapes = {name: _dims(graph.get_tensor_by_name(f"{name}:0")) for name in placeholders}

    def run(feeds: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        with tf.compat.v1.Session(graph=graph) as session:
            fed = {f"{name}:0": value for name, value in feeds.items()}
            made = session.run([f"{name}:0" for name in ends], fed)
        return dict(zip(ends, made, strict=True))

    return Runnable(shapes, tuple(ends), run, {name: f"{name}:0" for name in (*placeholders, *ends)})


def _dims(tensor: Any) -> Shape:
    return tuple(tensor.shape) if tensor.shape.rank is not None else ()
