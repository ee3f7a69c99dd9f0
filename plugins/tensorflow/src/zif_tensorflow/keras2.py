"""SavedModels of Keras 2, whose optimizers a later TensorFlow does not know and cannot load."""

from __future__ import annotations

import atexit
import contextlib
from pathlib import Path

from zif import InvalidModel
from zif.plugin import WEIGHTS, private_folder, read_bytes, write_whole

_folders = contextlib.ExitStack()
atexit.register(_folders.close)


def scratch() -> Path:
    """A folder for as long as this process lives."""
    return Path(_folders.enter_context(private_folder("zif-tensorflow-")))


def without_slots(path: Path) -> Path:
    """The same model in another folder, where what an optimizer kept of each variable is a variable as any other."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString(read_bytes(path / "saved_model.pb", WEIGHTS, InvalidModel))
    for graph in model.meta_graphs:
        for node in graph.object_graph_def.nodes:
            node.ClearField("slot_variables")
    made = scratch()
    write_whole(made / "saved_model.pb", model.SerializeToString())
    for name in ("variables", "assets"):
        if (path / name).is_dir():
            (made / name).symlink_to((path / name).absolute(), target_is_directory=True)
    return made
