"""The modules that applications import below `onnxruntime`, made of zif's classes.

A name that zif has no class for is the real package's, where that is installed: enumerations, sparse tensors, the tools
for quantizing. Those work on their own; a session is always zif's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from zif.runtime.dropin import assigned, enums, faults, inference, nodes, options, providers, settings, values
from zif.runtime.dropin.binding import IOBinding
from zif.runtime.dropin.logs import (
    set_default_logger_callback,
    set_default_logger_severity,
    set_default_logger_verbosity,
)
from zif.runtime.dropin.onnxruntime_module import real, submodule
from zif.runtime.dropin.warn import once

_FAULTS = {
    name: kind for name, kind in vars(faults).items() if isinstance(kind, type) and kind.__module__ == faults.__name__
}
_CLASSES: Mapping[str, Any] = {
    "ExecutionMode": enums.ExecutionMode,
    "ExecutionOrder": enums.ExecutionOrder,
    "GraphOptimizationLevel": enums.GraphOptimizationLevel,
    "ModelMetadata": nodes.ModelMetadata,
    "NodeArg": nodes.NodeArg,
    "OrtEpAssignedNode": assigned.OrtEpAssignedNode,
    "OrtEpAssignedSubgraph": assigned.OrtEpAssignedSubgraph,
    "OrtDevice": values.OrtDevice,
    "OrtValue": values.OrtValue,
    "RunOptions": options.RunOptions,
    "SessionIOBinding": IOBinding,
    "SessionOptions": options.SessionOptions,
}
#: Names that zif cannot stand in for, and what there is instead.
_NEVER = {
    "LoraAdapter": "merge the adapter into the model",
    "ModelCompiler": "`zif compile` writes a bundle",
    "register_execution_provider_library": "backends are plugins of zif",
    "unregister_execution_provider_library": "backends are plugins of zif",
    "create_and_register_allocator": "zif's backends allocate by themselves",
    "create_and_register_allocator_v2": "zif's backends allocate by themselves",
    "set_global_thread_pool_sizes": "SessionOptions.intra_op_num_threads counts for each session",
}


def get_available_providers() -> list[str]:
    """The providers whose backends are available for the configured target, the CPU last."""
    return providers.available(settings.current().target)


def get_all_providers() -> list[str]:
    """Every provider that ONNX Runtime knows, the CPU last."""
    return providers.all_providers()


def get_device() -> str:
    """What the CPU or another processor is called, as ONNX Runtime does: "CPU", or "CPU-NPU"."""
    kinds = {offer.provider for offer in providers.offers(settings.current().target) if not offer.cpu}
    return "CPU" if not kinds else "CPU-" + "-".join(sorted(name.removesuffix("ExecutionProvider") for name in kinds))


def set_seed(_: int) -> None:
    """Random operators of a model have seeds of their own in zif's backends: said once."""
    once("set_seed has no effect: zif's backends draw their own random values")


def get_version_string() -> str:
    """The version of ONNX Runtime that is installed, since applications compare it; zif's without."""
    from zif.backends.registry import core_version

    module = real()
    return str(module.__version__) if module is not None else core_version()


def get_build_info() -> str:
    """Who stands here."""
    from zif.backends.registry import core_version

    return f"ORT Build Info: zif {core_version()} in the place of ONNX Runtime {get_version_string()}"


def nothing(*_: Any) -> None:
    """zif sends no telemetry."""


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "disable_telemetry_events": nothing,
    "enable_telemetry_events": nothing,
    "get_all_providers": get_all_providers,
    "get_available_providers": get_available_providers,
    "get_build_info": get_build_info,
    "get_device": get_device,
    "get_version_string": get_version_string,
    "set_default_logger_callback": set_default_logger_callback,
    "set_default_logger_severity": set_default_logger_severity,
    "set_default_logger_verbosity": set_default_logger_verbosity,
    "set_seed": set_seed,
}
PUBLIC: Mapping[str, Any] = {
    **_CLASSES,
    **FUNCTIONS,
    "IOBinding": IOBinding,
    "InferenceSession": inference.InferenceSession,
    "configure": settings.configure,
}


def lookup(module: str, name: str) -> Any:
    """What a module of the real package has, for a name that zif has not. Raises AttributeError."""
    if name in _NEVER and "." not in module:
        return _refusing(name)
    if real() is not None and not (name.startswith("__") and name.endswith("__")):
        try:
            return getattr(submodule(module), name)
        except ImportError:
            pass
        except AttributeError:
            try:
                return submodule(f"{module}.{name}".lstrip("."))
            except ImportError:
                pass
    raise AttributeError(
        f"module 'onnxruntime{'.' if module else ''}{module}' has no attribute {name!r} (this is zif.ort)"
    )


def _refusing(name: str) -> Callable[..., Any]:
    def call(*_: Any, **__: Any) -> None:
        once(f"{name} has no effect: {_NEVER[name]}")

    call.__name__ = name
    return call


def _module(name: str, names: Mapping[str, Any]) -> ModuleType:
    made = ModuleType(f"onnxruntime.{name}", "zif in the place of ONNX Runtime's module of this name.")
    made.__dict__.update(names)
    made.__dict__["__getattr__"] = lambda wanted: lookup(name, wanted)
    return made


_NATIVE = {**_FAULTS, **_CLASSES, **FUNCTIONS, "get_default_session_options": options.SessionOptions}
_COLLECTION = {
    **PUBLIC,
    "check_and_normalize_provider_args": providers.normalized,
    "get_ort_device_type": lambda name: values.OrtDevice(name).device_type(),
}
capi = _module("capi", {"__path__": []})
MODULES: dict[str, ModuleType] = {
    "capi": capi,
    "capi._pybind_state": _module("capi._pybind_state", _NATIVE),
    "capi.onnxruntime_pybind11_state": _module("capi.onnxruntime_pybind11_state", _NATIVE),
    "capi.onnxruntime_inference_collection": _module("capi.onnxruntime_inference_collection", _COLLECTION),
}
for _name, _made in MODULES.items():
    if "." in _name:
        setattr(capi, _name.partition(".")[2], _made)
