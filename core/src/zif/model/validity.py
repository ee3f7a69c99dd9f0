"""Whether a model is one by ONNX's own rules: what onnx's checker and its inference say, with the node and the rule.

Both are asked about a skeleton, without the data of weights, and before any engine sees the model. Operators that onnx
does not define stay allowed: whoever defined them knows their rules.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import onnx
from onnx import GraphProto, ModelProto, TypeProto, ValueInfoProto
from onnx.shape_inference import infer_shapes

from zif.errors import InvalidModel
from zif.model.nodes import Node
from zif.model.opsets import plain_domain, since_version
from zif.model.subgraphs import all_graphs, bodies
from zif.model.types import distinct

#: Where nodes are put that one of onnx's tools shall not look into.
ASIDE = "zif.aside"
#: The numbers of element types that this onnx knows, with 0 for none.
_ELEMENTS = frozenset(onnx.TensorProto.DataType.values())
#: The domains in which the checker refuses an operator that it does not know.
_OFFICIAL = frozenset({"", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training"})
_CHECKED = re.compile(r"==> Context: Bad node spec for node\. Name: (.*?) OpType: (\S+)")
_INFERRED = re.compile(r"\(op_type:([^,()]+)(?:, node name: ([^()]*))?\): (.*)")
_KIND = re.compile(r"\[(?:Shape|Type)InferenceError\]\s*")


def check(bare: ModelProto, kinds: Collection[tuple[str, str]], nested: bool = True) -> None:
    """Raise InvalidModel for what onnx's checker refuses of a skeleton; `kinds` are the `operators` of its nodes, and
    `nested` says whether any has a body.

    Also for what it does not look at and engines do: the element types of values in bodies. Those of the graph itself
    have been looked at (`check_elements`).
    """
    if nested or bare.functions:
        _check_inner(bare)
    strange = {key for key in kinds if _is_unknown(*key, bare)}
    with aside(bare, strange), _typed_ends(bare.graph), _without_functions(bare):
        try:
            onnx.checker.check_model(bare.SerializeToString())
        except onnx.checker.ValidationError as error:
            raise InvalidModel(_told(str(error))) from error
        except (ValueError, UnicodeDecodeError) as error:  # onnx could not even read it, or word its refusal
            raise InvalidModel(f"the model is invalid: {_line(str(error))}. Export it again.") from error


def check_elements(values: Iterable[ValueInfoProto]) -> None:
    """Raise InvalidModel for a value whose element type is a number that stands for none; 0 is "not said"."""
    for value in values:
        if (element := _element(value.type)) not in _ELEMENTS:
            raise InvalidModel(
                f"value {value.name!r} has element type {element}, which onnx {onnx.__version__} does not know. "
                "Export the model again."
            )


def _check_inner(bare: ModelProto) -> None:
    """The same of the bodies of nodes and of functions."""
    for scope in (*islice(all_graphs(bare.graph), 1, None), *bare.functions):
        ends = (*scope.input, *scope.output) if isinstance(scope, GraphProto) else ()
        check_elements(distinct((*ends, *scope.value_info)))


def _element(kind: TypeProto) -> int:
    """The number of the element type, of whatever it is a sequence, an optional or a map; 0 where none is said."""
    word = kind.WhichOneof("value")
    while word in ("sequence_type", "optional_type", "map_type"):
        inner = getattr(kind, word)
        kind = inner.value_type if word == "map_type" else inner.elem_type
        word = kind.WhichOneof("value")
    return int(getattr(kind, word).elem_type) if word in ("tensor_type", "sparse_tensor_type") else 0


def operators(nodes: Iterable[Node]) -> set[tuple[str, str]]:
    """Operator and domain of every node, those in bodies included."""
    kinds = set()
    for node in nodes:
        kinds.add((node.op_type, node.domain))
        if node.nested:
            kinds.update(_inner(node))
    return kinds


def _inner(node: Node) -> Iterator[tuple[str, str]]:
    """Operator and domain of every node in the bodies of a node."""
    for body in bodies(node.proto):
        for graph in all_graphs(body):
            yield from ((inner.op_type, inner.domain) for inner in graph.node)


def _is_unknown(op_type: str, domain: str, bare: ModelProto) -> bool:
    """Whether an operator of ONNX's own domains is none, or is no more one in the version that the model imports."""
    if domain not in _OFFICIAL:
        return False
    versions = {plain_domain(entry.domain): entry.version for entry in bare.opset_import}
    return not since_version(op_type, domain, versions.get(domain, 1))


@contextmanager
def aside(bare: ModelProto, operators: Collection[tuple[str, str]]) -> Iterator[None]:
    """Within, the nodes of these operators are of a domain that onnx does not know."""
    moved = []
    if operators:
        bare.opset_import.append(onnx.helper.make_opsetid(ASIDE, 1))
        for graph in all_graphs(bare.graph):
            for node in graph.node:
                if (node.op_type, node.domain) in operators:
                    moved.append((node, node.domain))
                    node.domain = ASIDE
    try:
        yield
    finally:
        for node, domain in moved:
            node.domain = domain
        if operators:
            del bare.opset_import[-1]


@contextmanager
def _without_functions(bare: ModelProto) -> Iterator[None]:
    """Within, calls are of operators that nobody defines.

    What could not be inlined is of another opset than the model, and the checker wants one for all.
    """
    functions = list(bare.functions)
    del bare.functions[:]
    try:
        yield
    finally:
        bare.functions.extend(functions)


@contextmanager
def _typed_ends(graph: GraphProto) -> Iterator[None]:
    """Within, every input and output says something of its shape, which the checker asks for and no engine does."""
    kept = [list(values) for values in (graph.input, graph.output)]
    for values, old in zip((graph.input, graph.output), kept, strict=True):
        del values[:]
        values.extend(map(_shaped, old))
    try:
        yield
    finally:
        for values, old in zip((graph.input, graph.output), kept, strict=True):
            del values[:]
            values.extend(old)


def _shaped(value: ValueInfoProto) -> ValueInfoProto:
    kind = value.type.WhichOneof("value")
    if kind not in (None, "tensor_type") or (kind and value.type.tensor_type.HasField("shape")):
        return value
    shaped = ValueInfoProto(name=value.name)
    shaped.type.tensor_type.elem_type = value.type.tensor_type.elem_type or onnx.TensorProto.FLOAT
    shaped.type.tensor_type.shape.SetInParent()
    return shaped


def inferred(bare: ModelProto) -> ModelProto:
    """The skeleton with the types and shapes that onnx infers.

    Raises InvalidModel for operators whose inputs cannot go together.

    Shapes that a file states of values in between are often stale, and engines only warn of them: where they are all
    that is wrong, inference goes on without a complaint.
    """
    try:
        return infer_shapes(bare, check_type=True, strict_mode=True)
    except Exception:  # a real fault, or a stale shape, or a defect of one operator's inference
        return _again(bare)


def _again(bare: ModelProto) -> ModelProto:
    plain = ModelProto()
    plain.CopyFrom(bare)
    _forget_constants(plain.graph)
    for value in (*plain.graph.value_info, *plain.graph.output):
        _forget_shape(value.type)
    _complain(plain, set())
    try:
        return _recalled(infer_shapes(plain), bare)
    except Exception:  # a defect of one operator's inference must not lose what the file itself declares
        return bare


def _recalled(inferred: ModelProto, bare: ModelProto) -> ModelProto:
    """With the shapes that the file states of values for which nothing else gives one, and what follows from these."""
    stated = {value.name: value.type for value in (*bare.graph.value_info, *bare.graph.output)}
    open_values = [v for v in (*inferred.graph.value_info, *inferred.graph.output) if not _has_shape(v.type)]
    recalled = [value for value in open_values if value.name in stated and _has_shape(stated[value.name])]
    for value in recalled:
        value.type.CopyFrom(stated[value.name])
    return infer_shapes(inferred) if recalled else inferred


def _has_shape(kind: TypeProto) -> bool:
    return bool(kind.HasField("tensor_type") and kind.tensor_type.HasField("shape"))


def _complain(plain: ModelProto, functions: set[tuple[str, str]]) -> None:
    """Raise InvalidModel for operators that cannot go together.

    An error inside an operator that ONNX describes by a function is one of that function: the operator is put aside,
    and the others are looked at again.
    """
    try:
        with aside(plain, functions):
            infer_shapes(plain, check_type=True, strict_mode=True)
    except Exception as error:
        match = _INFERRED.search(str(error))
        more = set(_described(plain, match[1])) - functions if match else set()
        if more:
            _complain(plain, functions | more)
        elif match:
            raise InvalidModel(_told(str(error))) from error


def _described(proto: ModelProto, op_type: str) -> Iterator[tuple[str, str]]:
    """The operators of this name in the model that are inferred by the function that defines them."""
    versions = {plain_domain(entry.domain): entry.version for entry in proto.opset_import}
    kinds = {node.domain for graph in all_graphs(proto.graph) for node in graph.node if node.op_type == op_type}
    for domain in kinds:
        try:
            schema = onnx.defs.get_schema(op_type, versions.get(domain, 1), domain)
        except onnx.defs.SchemaError:
            continue
        if not schema.has_type_and_shape_inference_function:
            yield op_type, domain


def _forget_constants(graph: GraphProto) -> None:
    """Drop what is said of constants a second time: without its shape it would hide the constant's own."""
    constants = {tensor.name for tensor in graph.initializer} | {value.name for value in graph.input}
    told = [value for value in graph.value_info if value.name not in constants]
    del graph.value_info[:]
    graph.value_info.extend(told)


def _forget_shape(kind: TypeProto) -> None:
    while kind.WhichOneof("value") in ("sequence_type", "optional_type"):
        kind = getattr(kind, kind.WhichOneof("value")).elem_type
    if kind.HasField("tensor_type"):
        kind.tensor_type.ClearField("shape")


def _told(text: str) -> str:
    """What onnx says, as a sentence that names the node first."""
    if match := _INFERRED.search(text):
        op_type, name, rule = match[1], match[2], _KIND.sub("", match[3].split("(op_type:")[0])
        return f"node {name!r} ({op_type}) is invalid: {_line(rule)}. Export the model again."
    rule = _line(text.partition("==> Context:")[0])
    if match := _CHECKED.search(text):
        return f"node {match[1]!r} ({match[2]}) is invalid: {rule}. Export the model again."
    return f"the model is invalid: {rule}. Export it again."


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(". ")
