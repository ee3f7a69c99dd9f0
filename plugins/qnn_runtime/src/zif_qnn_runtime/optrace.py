"""Which of QNN's operators were made of which nodes, as the provider writes it down when it compiles.

It writes a document into a folder (`settings`), from which `traced` makes a file for the artifact: what was compiled is
loaded without its graph later, and the provider tells nothing then. The binary is the same with it and without.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen
from zif import InvalidBundle
from zif.plugin import content_of, parse_json, parse_record

from zif_qnn_runtime.failures import original_name

#: The provider's file, and ours. Its ending is its own, so that a bundle calls it like the artifact.
WRITTEN, TRACE = "qnn_op_trace.json", "operators.trace"
_SCHEMA = "zif-qnn-operators/1"
#: What the layout transformation puts in is called like its operator.
_PUT_IN = re.compile(r"(Transpose|QuantizeLinear|DequantizeLinear)_token_\d+$")


@frozen
class Made:
    """An operator of the compiler's: its name as in profiles, its type, and the ids of the units it was made of."""

    name: str
    type: str
    units: tuple[str, ...] = ()


@frozen
class Trace:
    """Every operator of one segment, in the order of the compiler's graph."""

    operators: tuple[Made, ...]
    schema: str = _SCHEMA


@frozen
class _Source:
    name: str
    type: str = ""


@frozen
class _Mapping:
    dst_name: str
    dst_qnn_op_type: str
    sources: tuple[_Source, ...]


@frozen
class _Graph:
    op_mappings: tuple[_Mapping, ...]


@frozen
class _Document:
    subgraph_traces: tuple[_Graph, ...]


def settings(folder: Path) -> Mapping[str, str]:
    """The provider's options that have it write the document into a folder."""
    return {"enable_framework_op_trace": "1", "framework_op_trace_dir": str(folder)}


def traced(folder: Path, owners: Mapping[str, tuple[str, str]]) -> bytes:
    """What the provider wrote, by the units of `owners` (unit and operator by a node's name), for the artifact.

    Raises InvalidBundle with one sentence where it wrote nothing, or something else.
    """
    document = _read(_Document, _content(folder / WRITTEN), WRITTEN)
    made = [
        Made(mapping.dst_name, mapping.dst_qnn_op_type, tuple(_units(mapping.sources, owners)))
        for graph in document.subgraph_traces
        for mapping in graph.op_mappings
    ]
    return json.dumps(attrs.asdict(Trace(tuple(made))), separators=(",", ":")).encode()


def read(files: Mapping[str, bytes | Path]) -> Trace:
    """The operators of an artifact. Raises InvalidBundle with one sentence where it does not tell them."""
    if TRACE not in files:
        raise InvalidBundle(
            "which operators the compiler made of which nodes is not known: it was compiled elsewhere, or by a zif"
            " that did not keep it. Compile it again"
        )
    trace: Trace = _read(Trace, _content(files[TRACE]), TRACE)
    if trace.schema != _SCHEMA:
        raise InvalidBundle(f"{TRACE} is of another version of zif ({trace.schema[:80]!r}, not {_SCHEMA!r})")
    return trace


def _content(file: bytes | Path) -> bytes:
    try:
        return content_of(file)
    except OSError as error:
        raise InvalidBundle(f"the compiler's list of operators cannot be read: {error}") from error


def _read(kind: Any, data: bytes, name: str) -> Any:
    return parse_record(kind, parse_json(data, name, InvalidBundle), name, InvalidBundle)


def _units(sources: Sequence[_Source], owners: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """Whose nodes these are, each once. One that only the compiler's graph has is nobody's."""
    seen: dict[str, None] = {}
    for source in sources:
        if source.type == "OP":
            name = source.name
            unit = owners.get(name) if _PUT_IN.match(name) else owners.get(original_name(name))
            if unit:
                seen[unit[0]] = None
    yield from seen
