"""SessionOptions and RunOptions: what a host sets, kept as it is; `wishes.py` makes zif's arguments of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from zif.runtime.dropin.enums import ExecutionMode, ExecutionOrder, GraphOptimizationLevel
from zif.runtime.dropin.faults import Fail, worded
from zif.runtime.dropin.warn import once


class _Fields:
    """Attributes with a type each, and no others: a name that is wrong is an error, as there."""

    _known: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        cls._known = {name: getattr(cls, name) for name in cls.__annotations__}

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            if name not in self._known:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            value = _converted(type(self).__name__, name, value, self._known[name])
        object.__setattr__(self, name, value)


def _converted(owner: str, name: str, value: Any, default: Any) -> Any:
    kind = type(default)
    if kind is str and isinstance(value, os.PathLike):
        value = os.fspath(value)
    if kind is bool and isinstance(value, int):
        return bool(value)
    if kind is int and hasattr(value, "__index__"):
        return value.__index__()
    if not isinstance(value, kind):  # a plain number is none of an enumeration
        raise TypeError(f"{owner}.{name} takes {kind.__name__}, not {type(value).__name__}")
    return value


class SessionOptions(_Fields):
    """What ONNX Runtime's options of this name hold. docs/onnxruntime.md says what becomes of each."""

    enable_cpu_mem_arena: bool = True
    enable_mem_pattern: bool = True
    enable_mem_reuse: bool = True
    enable_profiling: bool = False
    execution_mode: ExecutionMode = ExecutionMode.ORT_SEQUENTIAL
    execution_order: ExecutionOrder = ExecutionOrder.DEFAULT
    graph_optimization_level: GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL
    inter_op_num_threads: int = 0
    intra_op_num_threads: int = 0
    log_severity_level: int = -1
    log_verbosity_level: int = 0
    logid: str = ""
    optimized_model_filepath: str = ""
    profile_file_prefix: str = "onnxruntime_profile_"
    use_deterministic_compute: bool = False
    use_per_session_threads: bool = True

    def __init__(self) -> None:
        self._entries: dict[str, str] = {}
        self._dims: dict[str, int] = {}
        self._denotations: dict[str, int] = {}
        self._initializers: dict[str, Any] = {}
        self._files: dict[str, bytes] = {}
        self._libraries: list[str] = []
        self._providers: list[tuple[str, dict[str, str]]] = []

    def add_session_config_entry(self, key: str, value: str) -> None:
        """Set an entry; one that zif cannot honour is said when a session is made with it."""
        self._entries[str(key)] = str(value)

    def get_session_config_entry(self, key: str) -> str:
        """An entry. Raises RuntimeError for one that was not set."""
        if key not in self._entries:
            raise RuntimeError(f"SessionOptions does not have configuration with key: {key}")
        return self._entries[key]

    def add_free_dimension_override_by_name(self, name: str, value: int) -> None:
        """Give every dimension of this name a size."""
        self._dims[name] = int(value)

    def add_free_dimension_override_by_denotation(self, denotation: str, value: int) -> None:
        """Give every dimension of this denotation a size."""
        self._denotations[denotation] = int(value)

    def add_initializer(self, name: str, value: Any) -> None:
        """Use this OrtValue in the place of an initializer of the model."""
        self._initializers[name] = value

    def add_external_initializers(self, names: Sequence[str], values: Sequence[Any]) -> None:
        """Use these OrtValues for initializers whose data is in files."""
        self._initializers.update(zip(names, values, strict=True))

    def add_external_initializers_from_files_in_memory(
        self, names: Sequence[str], contents: Sequence[Any], sizes: Sequence[int]
    ) -> None:
        """Use these bytes for the files that initializers name."""
        for name, content, size in zip(names, contents, sizes, strict=True):
            self._files[name] = bytes(memoryview(content)[:size])

    def register_custom_ops_library(self, path: str | os.PathLike[str]) -> None:
        """A library of operators, for the backends that load such. Raises Fail for one that is not there."""
        name = os.fspath(path)
        if os.path.dirname(name) and not os.path.exists(name):
            why = f"{name}: cannot open shared object file: No such file or directory"
            raise worded(Fail, f"Failed to load library {name} with error: {why}")
        self._libraries.append(name)

    def add_provider(self, name: str, options: Mapping[str, str]) -> None:
        """As an entry of `providers=`."""
        self._providers.append((name, dict(options)))

    def has_providers(self) -> bool:
        """Whether `add_provider` was called."""
        return bool(self._providers)

    def set_provider_selection_policy(self, policy: Any) -> None:
        """zif's own policy decides: said once."""
        once(f"set_provider_selection_policy({policy}): zif plans by its own policy (zif.ort.configure(policy=…))")

    def add_provider_for_devices(self, *_: Any) -> None:
        """zif has no such devices: said once."""
        once("add_provider_for_devices: zif chooses devices by target (zif.ort.configure(target=…))")


class RunOptions(_Fields):
    """What ONNX Runtime's options of this name hold."""

    log_severity_level: int = -1
    log_verbosity_level: int = 0
    logid: str = ""
    only_execute_path_to_fetches: bool = False
    terminate: bool = False

    def __init__(self) -> None:
        self._entries: dict[str, str] = {}

    def add_run_config_entry(self, key: str, value: str) -> None:
        """Set an entry: zif has no use for any, which is said once for each."""
        self._entries[str(key)] = str(value)
        once(f"RunOptions entry {key!r} has no effect: zif's backends take no such entries")

    def get_run_config_entry(self, key: str) -> str:
        """An entry. Raises RuntimeError for one that was not set."""
        if key not in self._entries:
            raise RuntimeError(f"RunOptions does not have configuration with key: {key}")
        return self._entries[key]

    def add_active_adapter(self, _: Any) -> None:
        """zif has no adapters. Raises NotImplementedError."""
        raise NotImplementedError("zif.ort has no LoRA adapters: merge the adapter into the model")
