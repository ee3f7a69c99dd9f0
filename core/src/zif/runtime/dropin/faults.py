"""Errors with the names, the texts and the base class that ONNX Runtime's have."""

from __future__ import annotations

from zif.errors import (
    BackendCrashed,
    EngineRefused,
    InvalidBundle,
    InvalidInput,
    InvalidModel,
    StageFailed,
    Unsupported,
    UsageError,
    ValuesRefused,
    ZifError,
)


def _kind(name: str) -> type[Exception]:
    """A class as ONNX Runtime makes its own: directly below Exception, without a common base."""
    return type(name, (Exception,), {"__module__": __name__, "__doc__": f"As ONNX Runtime's {name}."})


Fail = _kind("Fail")
InvalidArgument = _kind("InvalidArgument")
NoSuchFile = _kind("NoSuchFile")
NoModel = _kind("NoModel")
EngineError = _kind("EngineError")
RuntimeException = _kind("RuntimeException")
InvalidProtobuf = _kind("InvalidProtobuf")
ModelLoaded = _kind("ModelLoaded")
NotImplemented = _kind("NotImplemented")
InvalidGraph = _kind("InvalidGraph")
EPFail = _kind("EPFail")
ModelLoadCanceled = _kind("ModelLoadCanceled")
ModelRequiresCompilation = _kind("ModelRequiresCompilation")
NotFound = _kind("NotFound")
DeviceReset = _kind("DeviceReset")

#: ONNX Runtime's number and word for each class that zif raises here.
_CODES: dict[type[Exception], tuple[int, str]] = {
    Fail: (1, "FAIL"),
    InvalidArgument: (2, "INVALID_ARGUMENT"),
    NoSuchFile: (3, "NO_SUCHFILE"),
    RuntimeException: (6, "RUNTIME_EXCEPTION"),
    InvalidProtobuf: (7, "INVALID_PROTOBUF"),
    NotImplemented: (9, "NOT_IMPLEMENTED"),
    InvalidGraph: (10, "INVALID_GRAPH"),
    EPFail: (11, "EP_FAIL"),
}

#: The first row that fits says what one of zif's errors is called there.
_NAMES: tuple[tuple[type[ZifError], type[Exception]], ...] = (
    (InvalidInput, InvalidArgument),
    (ValuesRefused, InvalidArgument),
    (UsageError, InvalidArgument),
    (InvalidModel, InvalidGraph),
    (InvalidBundle, InvalidGraph),
    (Unsupported, NotImplemented),
    (EngineRefused, Fail),
    (BackendCrashed, RuntimeException),
    (StageFailed, Fail),
)


def worded(kind: type[Exception], text: str) -> Exception:
    """An error of one of these classes with ONNX Runtime's prefix."""
    number, word = _CODES[kind]
    return kind(f"[ONNXRuntimeError] : {number} : {word} : {text}")


def as_theirs(error: ZifError) -> Exception:
    """What ONNX Runtime would have raised in the place of one of zif's errors, with zif's words."""
    kind = next((theirs for ours, theirs in _NAMES if isinstance(error, ours)), Fail)
    if isinstance(error, Unsupported) and any("INVALID_GRAPH" in obstacle.reason for obstacle in error.obstacles):
        kind = InvalidGraph  # an operator that nobody knows: an engine said so in these words
    return worded(kind, str(error))
