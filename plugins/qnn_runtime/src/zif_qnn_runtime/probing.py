"""Asking the real compiler about every node of a model without compiling it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from attrs import Factory, frozen

from zif_qnn_runtime import logs
from zif_qnn_runtime.failures import explain, original_name
from zif_qnn_runtime.libraries import BackendType
from zif_qnn_runtime.logs import Line
from zif_qnn_runtime.provideroptions import ProviderOptions
from zif_qnn_runtime.session import session_options


@frozen
class NodeAnswer:
    """What the compiler says of one node. group lists the nodes that it looked at together, this one included.

    code is one of zif.records.CODES, reason a sentence; "ok" and "" for a node that is accepted.
    """

    name: str
    op_type: str
    accepted: bool
    code: str = "ok"
    reason: str = ""
    group: tuple[str, ...] = ()


@frozen
class Answer:
    """What the compiler says of a model: per node name. A node that it did not mention is not in `nodes`.

    refusal is the sentence when the model as a whole was refused in spite of its nodes; refused_nodes are those that
    the refusal names.
    """

    nodes: Mapping[str, NodeAnswer] = Factory(dict)
    refusal: str = ""
    refused_nodes: tuple[str, ...] = ()


_VERDICT = re.compile(r"Validation (PASSED|FAILED) for \d+ nodes in (\w+) \((.*?)\)")
_NODE = re.compile(r"Operator type: (\S+) Node name: (.*?) Node index: \d+")
_REASON = re.compile(r"REASON : (.*)", re.DOTALL)
_ASKED = re.compile(r"Qnn_OpConfig node name: (\S+) .*?QNN_op_type: (\S+)")
_TYPE = re.compile(r"dataType=QNN_DATATYPE_(\w+) rank=(\d+)")

#: First match wins: what a reason says, its code, and the sentence to put in its place ("" keeps the provider's own).
_MEANINGS = (
    (r"Cannot get shape|[Dd]ynamic shape|unknown dim", "dynamic-shape", "QNN needs every dimension fixed"),
    (r"Operators of type .(\w+). are not supported", "op", "QNN has no operator for {0}"),
    (r"not a registered function/op", "op", ""),
    (r"Failed to map Onnx data type", "dtype", "QNN does not have the element type of a tensor"),
    (r"FP64 data type", "dtype", "QNN does not take float64 at the edge of a graph"),
    (r"[Ff]ailed to get initializer", "attribute", "QNN needs an input as a constant that is computed here"),
    (r"initializer|compile-time constant|dynamic (?:min|scale|pad|axis)|must be a constant", "attribute", ""),
    (r"\brank\b", "rank", ""),
    (r"data ?type|dtype|\btypes?\b|float|int64|INT_64|BOOL|boolean", "dtype", ""),
    (
        r"attribute|\bmode\b|parameter|only supports?|coordinate|\bpads?\b|auto_pad|dilations|axis|output",
        "attribute",
        "",
    ),
)


def query(model: bytes | Path, backend: BackendType, options: ProviderOptions, weights: Path | None = None) -> Answer:
    """The compiler's verdict on each node, in the context of its neighbours, for the chip of `options.soc_model`.

    Nothing is compiled. weights is the folder of external data when the model is given as bytes. Names must be unique
    in the model. Raises BackendUnavailable without the library, QnnError when the backend does not start (an unknown
    chip, for instance) or ONNX Runtime does not take the model.
    """
    import onnxruntime

    setup = session_options(backend, options, {"session.disable_model_compile": "1"}, weights=weights)
    setup.log_severity_level = logs.VERBOSE
    source = model if isinstance(model, bytes) else str(model)
    failure: Exception | None = None
    with logs.listen(logs.VERBOSE) as lines:
        try:
            onnxruntime.InferenceSession(source, setup, enable_fallback=0)
        except Exception as error:  # a refusal to compile is the expected end
            failure = error
    return _answer(lines, failure)


def _answer(lines: list[Line], failure: Exception | None) -> Answer:
    nodes = {answer.name: answer for answer in _nodes(lines)}
    if failure is None or "MODEL_REQUIRES_COMPILATION" in str(failure):
        return Answer(nodes)
    error = explain(failure, lines)
    if error.kind == "unassigned" and nodes:
        return Answer(nodes)
    if not nodes or error.kind == "setup":
        raise error from failure
    return Answer(nodes, str(error), error.nodes)


def _nodes(lines: Iterable[Line]) -> Iterator[NodeAnswer]:
    """Every verdict in the order of the log; the second pass comes last and counts."""
    asked = ""
    for line in lines:
        if "Qnn_OpConfig" in line.text:
            asked = line.text
        match = _VERDICT.search(line.text)
        if match:
            yield from _verdicts(line.text, match, asked)
            asked = ""


def _verdicts(text: str, match: re.Match[str], asked: str) -> Iterator[NodeAnswer]:
    members = [(op_type, original_name(name)) for op_type, name in _NODE.findall(text)]
    group = tuple(name for _, name in members)
    accepted = match[1] == "PASSED"
    code, reason = ("ok", "") if accepted else _why(text, asked)
    for op_type, name in members:
        yield NodeAnswer(name, op_type, accepted, code, reason, group)


def _why(text: str, asked: str) -> tuple[str, str]:
    """The code of a refusal, and a sentence."""
    match = _REASON.search(text)
    reason = " ".join(match[1].split()) if match else "no reason given"
    if reason.startswith("Failed to add node") and asked:
        return _refused_config(asked)
    for pattern, code, sentence in _MEANINGS:
        meaning = re.search(pattern, reason)
        if meaning:
            return code, sentence.format(*meaning.groups()) or reason.replace("`", "'")
    return "probe-failed", reason.replace("`", "'")


def _refused_config(asked: str) -> tuple[str, str]:
    """QNN itself gives no reason when it refuses an operator's configuration, so say what it was asked."""
    _, _, tensors = asked.partition("node_inputs:")
    inputs, _, outputs = tensors.partition("node_outputs:")
    op = _ASKED.search(asked)
    words = [
        ", ".join(f"{_short(kind)} of rank {rank}" for kind, rank in _TYPE.findall(part.partition("node_params:")[0]))
        for part in (inputs, outputs)
    ]
    sentence = f"QNN refuses its {op[2] if op else 'operator'} from {words[0] or 'nothing'} to {words[1] or 'nothing'}"
    odd = re.search(r"float64|u?int64|\bu?int8\b|\bu?int16\b|bfloat", sentence)
    return "dtype" if odd else "probe-failed", sentence


def _short(kind: str) -> str:
    return kind.lower().replace("_", "").replace("fixedpoint", "fixed")
