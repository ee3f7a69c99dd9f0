"""ONNX Runtime sessions on the CPU provider, from an artifact's files and the options of the backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import onnxruntime
from attrs import evolve, frozen
from zif import StageFailed, UsageError
from zif.plugin import content_of

from zif_qnn_cpu.engine import ENGINE, PROVIDER
from zif_qnn_cpu.failures import is_unread, of_opening
from zif_qnn_cpu.mentions import mentioned
from zif_qnn_cpu.options import Level, Options

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
    main = _guarded(compiled.files[compiled.main])
    weights = {name: file for name, file in compiled.files.items() if name != compiled.main}
    source: str | bytes = main if isinstance(main, bytes) else str(main)
    memory: tuple[Any, ...] = ()
    if weights:
        folder = common_folder(weights)
        if folder is None:
            source = content_of(main)
            from zif_qnn_cpu.scattered import hand_over  # what parses is imported for these alone

            memory = hand_over(source, weights, made)
        elif isinstance(main, bytes) or main.parent.resolve() != folder:
            source = content_of(main)
            made.add_session_config_entry(_FOLDER, str(folder))
    return Opened(onnxruntime.InferenceSession(source, made, providers=[PROVIDER], enable_fallback=0), (), memory)


def _guarded(main: bytes | Path) -> bytes | Path:
    """See `guards`, which parses: it is imported for a model that has what it guards."""
    if not mentioned(main):
        return main
    from zif_qnn_cpu.guards import guarded

    return guarded(main)


def common_folder(files: Files) -> Path | None:
    """The folder that every file lies in under its own name; None when there is no such folder."""
    folders = set()
    for name, file in files.items():
        if isinstance(file, bytes):
            return None
        segments = PurePosixPath(name).parts
        path = file.resolve()
        if path.parts[-len(segments) :] != segments:
            return None
        folders.add(Path(*path.parts[: -len(segments)]))
    return folders.pop() if len(folders) == 1 else None


def _line(error: Exception | None) -> str:
    return str(error).strip().splitlines()[0] if error is not None and str(error).strip() else repr(error)
