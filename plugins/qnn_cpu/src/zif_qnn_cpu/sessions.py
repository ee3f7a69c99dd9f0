"""ONNX Runtime sessions on the CPU provider, from an artifact's files and the options of the backend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from attrs import evolve, frozen
from zif import InvalidModel, StageFailed, UsageError
from zif.plugin import DTYPE_BITS, all_graphs, content_of, element_dtype

from zif_qnn_cpu.failures import is_unread, of_opening
from zif_qnn_cpu.guards import guarded
from zif_qnn_cpu.kernels import ENGINE, PROVIDER
from zif_qnn_cpu.options import Level, Options
from zif_qnn_cpu.values import PACKED, to_ort, unpack

if TYPE_CHECKING:
    from zif import Compiled

Files = Mapping[str, bytes | Path]

_LEVELS: Mapping[Level, Any] = {
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "disabled": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
_FOLDER = "session.model_external_initializers_file_folder_path"


@frozen(eq=False)
class Opened:
    """A session, sentences on how it was opened, and the memory that it reads weights from as long as it lives."""

    session: onnxruntime.InferenceSession
    notes: tuple[str, ...] = ()
    memory: tuple[Any, ...] = ()


def open_session(compiled: Compiled, options: Options, shared: bool, profile: str = "") -> Opened:
    """A session, with a note when it could only be made with fewer optimizations than asked for.

    profile: how the name of the file begins that the engine writes what it timed to; "" to time nothing.

    ONNX Runtime's optimizer can fail on a part of a graph that it has optimized before, so the level is lowered until
    it makes a session. Raises InvalidModel or StageFailed with what it said at the asked level.
    """
    first: Exception | None = None
    for level in list(_LEVELS)[list(_LEVELS).index(options.graph_optimization_level) :]:
        try:
            made = session_options(options, shared, level)
            register(made, compiled.custom_ops)
            if profile:
                made.enable_profiling, made.profile_file_prefix = True, profile
            opened = _create(compiled, made)
        except UsageError:
            raise
        except Exception as error:  # ONNX Runtime's errors have no common base class
            first = first or error
            if is_unread(error):
                break
            continue
        lowered = f"graph optimizations lowered to {level!r}: {_line(first)}"
        return evolve(opened, notes=(lowered,)) if first else opened
    refusal = of_opening(first) if first else None
    raise refusal or StageFailed(f"{ENGINE} cannot open the segment: {_line(first)}") from first


def session_options(options: Options, shared: bool, level: Level) -> onnxruntime.SessionOptions:
    """Session options of ONNX Runtime from those of the backend."""
    made = onnxruntime.SessionOptions()
    made.log_severity_level = 4  # what goes wrong is raised; nothing is logged beside it
    made.graph_optimization_level = _LEVELS[level]
    made.intra_op_num_threads = options.threads
    made.inter_op_num_threads = 1  # operators run one after another; only inside one is there work for several threads
    made.enable_cpu_mem_arena = options.enable_cpu_mem_arena
    entries = {"session.intra_op.allow_spinning": str(int(options.spins(shared)))}
    if options.enable_fast_math:
        entries |= {
            "optimization.enable_gelu_approximation": "1",
            "mlas.enable_gemm_fastmath_arm64_bfloat16": "1",
        }
    if options.exact_int8:
        entries["session.x64quantprecision"] = "1"
    if not options.enable_fast_math:  # a product with a weight in 4 or 8 bits would round what it is multiplied with
        entries["session.qdq_matmulnbits_accuracy_level"] = "1"
    for key, value in entries.items():
        made.add_session_config_entry(key, value)
    return made


def register(options: onnxruntime.SessionOptions, libraries: Sequence[Path]) -> None:
    """Have the session know the operators of the user's libraries. Raises UsageError for one that cannot be loaded."""
    for library in libraries:
        try:
            options.register_custom_ops_library(str(library))
        except Exception as error:  # ONNX Runtime's errors have no common base class
            raise UsageError(
                f"{library} is no library of operators that {ENGINE} can load: {_line(error)}. It must be built for "
                "this machine and export RegisterCustomOps."
            ) from error


def _create(compiled: Compiled, made: onnxruntime.SessionOptions) -> Opened:
    main = guarded(compiled.files[compiled.main])
    weights = {name: file for name, file in compiled.files.items() if name != compiled.main}
    source: str | bytes = main if isinstance(main, bytes) else str(main)
    memory: tuple[Any, ...] = ()
    if weights:
        folder = common_folder(weights)
        if folder is None:
            source = content_of(main)
            memory = _hand_over(source, weights, made)
        elif isinstance(main, bytes) or main.parent.resolve() != folder:
            source = content_of(main)
            made.add_session_config_entry(_FOLDER, str(folder))
    return Opened(onnxruntime.InferenceSession(source, made, providers=[PROVIDER], enable_fallback=0), (), memory)


def common_folder(files: Files) -> Path | None:
    """The folder that every file lies in under its own name; None when there is no such folder."""
    folders = set()
    for name, file in files.items():
        if isinstance(file, bytes):
            return None
        pure_posix_path = PurePosixPath(name).parts
        path = file.resolve()
        if path.parts[-len(pure_posix_path) :] != pure_posix_path:
            return None
        folders.add(Path(*path.parts[: -len(pure_posix_path)]))
    return folders.pop() if len(folders) == 1 else None


def _hand_over(model: bytes, files: Files, made: onnxruntime.SessionOptions) -> tuple[Any, ...]:
    """Give the engine the external weights as mapped memory, for files that do not lie in one folder.

    The engine keeps the addresses alone: the arrays that are returned must live as long as the session.
    """
    graph = onnx.load_model_from_string(model).graph
    external = [t for t in graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    nested = [t for inner in all_graphs(graph) if inner is not graph for t in inner.initializer]
    stray = next((t for t in nested if t.data_location == onnx.TensorProto.EXTERNAL), None)
    if stray is not None:
        raise InvalidModel(f"tensor {stray.name!r} of a body has its data in a file apart from the others")
    arrays = tuple(_mapped(tensor, files) for tensor in external)
    values = [onnxruntime.OrtValue(to_ort(array)) for array in arrays]
    made.add_external_initializers([tensor.name for tensor in external], values)
    return (*arrays, *values)


def _mapped(tensor: onnx.TensorProto, files: Files) -> np.ndarray[Any, Any]:
    """The weight as it lies in its file: nothing is made of its dims before they are held against what is there."""
    where = {entry.key: entry.value for entry in tensor.external_data}
    file, offset = files[where["location"]], int(where.get("offset", 0))
    dtype, shape = element_dtype(tensor.data_type), list(tensor.dims)
    raw = np.frombuffer(file, np.uint8) if isinstance(file, bytes) else np.memmap(file, np.uint8, "r")
    size = -(-math.prod(shape) * DTYPE_BITS[dtype.name] // 8)
    if min([0, offset, *shape]) < 0 or offset + size > raw.size:
        raise InvalidModel(
            f"tensor {tensor.name!r} wants {size} bytes from {offset} on, and {where['location']} has {raw.size}: "
            "the file is damaged. Copy it again."
        )
    if dtype.name in PACKED:
        return unpack(raw[offset : offset + size].tobytes(), dtype, shape)
    return raw[offset : offset + size].view(dtype).reshape(shape)


def _line(error: Exception | None) -> str:
    return str(error).strip().splitlines()[0] if error is not None and str(error).strip() else repr(error)
