"""Integer divisions whose values would end the process, rewritten so that they do not.

The smallest integer divided by -1 has no result in its type, and the processor's own division stops the process with a
signal there (SIGFPE); ONNX Runtime's kernel does not look. ONNX's reference gives the smallest integer again, as ONNX
Runtime itself does for int8, int16 and where it divides int32 in vectors. So that is what a division gives here: it
divides by 1 instead of by -1, and then changes the sign, which wraps around. Division by zero the kernel refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

#: Types that the processor divides by itself; narrower ones it divides as int32.
_TYPES: Mapping[int, str] = {TensorProto.INT32: "int32", TensorProto.INT64: "int64"}


def safe(
    node: NodeProto, element: int | None, constants: Mapping[str, TensorProto], names: Iterator[str]
) -> list[NodeProto]:
    """The division, or what stands for it where the dividend may be the smallest integer and the divisor -1.

    element: the type of its values, None where that is not known, as in a function that could not be inlined: such a
    division stays as it is. constants: what is known of the values by name.
    """
    dtype = None if element is None else _TYPES.get(element)
    smallest = np.iinfo(dtype).min if dtype else 0
    if dtype is None or not (_may_hold(node.input[1], -1, constants) and _may_hold(node.input[0], smallest, constants)):
        return [node]
    return _rewritten(node, dtype, names)


def _may_hold(name: str, number: int, constants: Mapping[str, TensorProto]) -> bool:
    tensor = constants.get(name)
    if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
        return True
    return bool((numpy_helper.to_array(tensor) == number).any())


def _rewritten(node: NodeProto, dtype: str, names: Iterator[str]) -> list[NodeProto]:
    """a / b as a / (b + 2·s) · (1 - 2·s), where s is 1 for b = -1 and 0 elsewhere."""
    divisor = node.input[1]
    minus, unity, is_minus, single, double, harmless, sign, quotient = (next(names) for _ in range(8))

    def new(op_type: str, inputs: list[str], output: str, **attributes: object) -> NodeProto:
        return helper.make_node(op_type, inputs, [output], f"{node.name}/{next(names)}", **attributes)

    return [
        new("Constant", [], minus, value=numpy_helper.from_array(np.array(-1, dtype))),
        new("Constant", [], unity, value=numpy_helper.from_array(np.array(1, dtype))),
        new("Equal", [divisor, minus], is_minus),
        new("Cast", [is_minus], single, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype))),
        new("Add", [single, single], double),
        new("Add", [divisor, double], harmless),
        new("Sub", [unity, double], sign),
        helper.make_node("Div", [node.input[0], harmless], [quotient], node.name),
        new("Mul", [quotient, sign], node.output[0]),
    ]
