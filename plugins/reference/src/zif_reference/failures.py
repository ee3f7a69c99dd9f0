"""What the evaluator cannot do: a kernel that refuses its attributes or its values blames these, and names its node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from onnx.reference.op_run import OpRun
from zif import InvalidInput, InvalidModel, Unsupported, ZifError
from zif.plugin import EngineRefused

#: What numpy and the kernels raise of what does not go together. Anything else is a fault in them.
_REFUSALS = (ValueError, IndexError, TypeError, ArithmeticError, RuntimeError, OSError)


@contextmanager
def blaming_model() -> Iterator[None]:
    """Raise InvalidModel for attributes that a kernel refuses while the evaluator is made."""
    with _named(InvalidModel, "is invalid"):
        yield


@contextmanager
def blaming_values() -> Iterator[None]:
    """Raise InvalidInput for values that a kernel refuses while it runs."""
    with _named(InvalidInput, "cannot compute these values"):
        yield


@contextmanager
def _named(kind: type[Exception], words: str) -> Iterator[None]:
    """What a kernel refuses, does not have, or trips over, with its node; what no kernel raises comes out as it is."""
    try:
        yield
    except Exception as error:
        node = _innermost(error)
        if node is None or isinstance(error, (ZifError, RecursionError, MemoryError)):
            raise
        what = f"node {node.name!r} ({node.op_type})" if node.name else f"a node {node.op_type}"
        reason = " ".join(str(error).split())
        if isinstance(error, NotImplementedError):
            raise Unsupported(f"onnx's reference has no such {what}: {reason}") from error
        if not isinstance(error, _REFUSALS):
            raise EngineRefused(f"onnx's evaluator trips over {what}: {type(error).__name__}: {reason}") from error
        raise kind(f"{what} {words}: {reason}") from error


def _innermost(error: Exception) -> Any:
    """The node whose kernel raised; None when none was at work."""
    node, trace = None, error.__traceback__
    while trace is not None:
        kernel = trace.tb_frame.f_locals.get("self")
        node = getattr(kernel, "onnx_node", node) if isinstance(kernel, OpRun) else node
        trace = trace.tb_next
    return node
