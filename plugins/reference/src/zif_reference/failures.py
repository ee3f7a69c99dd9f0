"""What the evaluator cannot compute: a kernel that refuses its values blames these, and names its node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from onnx.reference.op_run import OpRun
from zif import InvalidInput

#: What numpy and the kernels raise of values and shapes that do not go together. Anything else is a fault in them.
_REFUSALS = (ValueError, IndexError, TypeError, ArithmeticError)


@contextmanager
def blaming_values() -> Iterator[None]:
    """Raise InvalidInput for what a kernel refuses; whatever else it raises comes out as it is."""
    try:
        yield
    except _REFUSALS as error:
        node = _innermost(error)
        if node is None:
            raise
        what = f"node {node.name!r} ({node.op_type})" if node.name else f"a node {node.op_type}"
        raise InvalidInput(f"{what} cannot compute these values: {' '.join(str(error).split())}") from error


def _innermost(error: Exception) -> Any:
    """The node whose kernel raised; None when none was at work."""
    node, trace = None, error.__traceback__
    while trace is not None:
        kernel = trace.tb_frame.f_locals.get("self")
        node = kernel.onnx_node if isinstance(kernel, OpRun) else node
        trace = trace.tb_next
    return node
