"""Whose fault it is when ONNX Runtime refuses: the model's, the input's, or its own."""

from __future__ import annotations

import re

from zif import InvalidInput, InvalidModel, UsageError
from zif.plugin import EngineRefused

from zif_qnn_cpu.engine import ENGINE
from zif_qnn_cpu.mentions import REFUSES

_RUNNING = re.compile(r"while running (\S+) node\. Name:'(.*?)' Status Message: (.*)", re.DOTALL)
_PLACE = re.compile(r"^\S+\.(?:cc|h):\d+ (?:\S.*?was false\. ?|[\w:~]+ |operator\(\) )?", re.DOTALL)
#: Errors of the engine that are about the graph: by their class, or by what its own inference says of a node.
_OF_GRAPHS = frozenset({"InvalidGraph"})
_INFERENCE = re.compile(r"Node \((.*?)\) Op \((\S+)\) \[\w+Error\] (.*)|Type Error: (.*)", re.DOTALL)
#: What a kernel asks of its attributes when it is made; the engine does not say of which node.
_KERNEL = re.compile(r"during initialization: \S*core/providers/\S+:\d+ .*[)\]] (.*?) was false\.(.*)", re.DOTALL)
_MISSING = re.compile(r"during initialization: \S*op_node_proto_helper.*No attribute with name:\s*'(.*?)'", re.DOTALL)
_MEMORY = re.compile(r"failed to allocate|bad_alloc|out of memory", re.IGNORECASE)
#: An operator of a domain of somebody's own, whose library was not named.
_UNKNOWN = re.compile(r"(\S+\.\S+):(\w+)\(-?\d+\) is not a registered function/op")
_ZERO = "Integer division by zero"


def of_opening(error: Exception) -> InvalidModel | UsageError | EngineRefused | MemoryError | None:
    """What is wrong with the model, that it takes too much, or what the engine says; None for another's error."""
    text = str(error)
    if _MEMORY.search(text):
        return MemoryError(_line(text))
    if match := _UNKNOWN.search(text):
        return UsageError(
            f"ONNX Runtime has no operator {match[1]}.{match[2]}: name the library that has it, --custom-ops LIB.so"
        )
    if match := _INFERENCE.search(text):
        where = f"node {match[1]!r} ({match[2]}) is invalid: {match[3]}" if match[2] else f"it is invalid: {match[4]}"
        return InvalidModel(f"{_line(where)}. Export the model again.")
    if match := _KERNEL.search(text):
        why = _line(match[2]) or f"{match[1]} does not hold"
        return InvalidModel(f"the model is invalid: an operator refuses its attributes: {why}.")
    if match := _MISSING.search(text):
        return InvalidModel(
            f"the model is invalid: an operator lacks the attribute {match[1]!r}. Export the model again."
        )
    if type(error).__name__ in _OF_GRAPHS or _ZERO in text:
        return InvalidModel(f"the model is invalid: {_line(text.partition(' : ')[2].rpartition(' : ')[2])}.")
    return EngineRefused(f"{ENGINE} cannot open the segment: {_first(text)}") if _of_engine(error) else None


def is_unread(error: Exception) -> bool:
    """Whether the engine could not even read the model: no optimization has had a look at it."""
    return type(error).__name__ in {"InvalidProtobuf", "NoModel"} or "Load model" in str(error)


def of_running(error: Exception) -> InvalidInput | EngineRefused | MemoryError | None:
    """What is wrong with the input, or that it takes too much, or what the engine says; None for another's error."""
    if _MEMORY.search(str(error)):
        return MemoryError(_line(str(error)))
    kind, match = type(error).__name__, _RUNNING.search(str(error))
    if match and REFUSES in match[2]:
        return InvalidInput(f"node {match[2].partition(REFUSES)[0]!r} cannot compute with a tensor of this shape")
    if match:
        reason = _line(_PLACE.sub("", match[3]))
        return InvalidInput(f"node {match[2]!r} ({match[1]}) cannot compute these values: {reason}")
    if kind == "InvalidArgument":
        return InvalidInput(str(error).rpartition("INVALID_ARGUMENT : ")[2].strip())
    return EngineRefused(f"{ENGINE} refuses to run: {_first(str(error))}") if _of_engine(error) else None


def _of_engine(error: Exception) -> bool:
    """Whether the engine raised it to say no: its errors have no common base class, but a home."""
    return type(error).__module__.startswith("onnxruntime.capi")


def _first(text: str) -> str:
    return text.strip().partition("\n")[0]


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(". ")
