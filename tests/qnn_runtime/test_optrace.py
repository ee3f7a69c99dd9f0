"""What the compiler and the profiler write down, read: names as people give them, files that lack or are broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from zif import InvalidBundle
from zif_qnn_runtime import TRACE, optrace, traced
from zif_qnn_runtime.engine_operators import operators
from zif_qnn_runtime.profile import by_node, rows_of, runs_of

OWNERS = {"conv": ("conv", "Conv"), "q": ("conv", "Conv"), "gelu/div": ("gelu", "Gelu"), "Transpose": ("Transpose", "")}
NAMES = ["conv_token_1", "a,b", 'say "c"', "g\nh", "f:OpId_9", "☃", "0"]


def mapping(name: str, kind: str, *sources: tuple[str, str]) -> dict[str, Any]:
    return {
        "dst_name": name,
        "dst_qnn_op_type": kind,
        "node_group_type": "OrtNodeUnit",
        "sources": [{"name": source, "type": word} for source, word in sources],
    }


def document(*mappings: dict[str, Any]) -> dict[str, Any]:
    graph = {"graph_name": "g", "op_mappings": list(mappings), "tensor_mappings": []}
    return {"schema_version": 2, "subgraph_traces": [graph], "unsupported_nodes": []}


def write(folder: Path, content: Any) -> None:
    (folder / optrace.WRITTEN).write_text(json.dumps(content), encoding="utf-8")


def test_operators_are_told_by_the_units_of_their_nodes(tmp_path: Path) -> None:
    fused = mapping("conv_token_1", "Conv2d", ("w", "TENSOR"), ("conv_token_1", "OP"), ("q", "OP"), ("conv", "OP"))
    write(tmp_path, document(fused, mapping("d_2", "Gelu", ("gelu/div", "OP")), mapping("t", "Cast", ("own", "OP"))))
    made = optrace.read({TRACE: traced(tmp_path, OWNERS)}).operators
    assert [(one.name, one.type, one.units) for one in made] == [
        ("conv_token_1", "Conv2d", ("conv",)),
        ("d_2", "Gelu", ("gelu",)),
        ("t", "Cast", ()),
    ]


def test_what_the_layout_put_in_is_nobodys_even_beside_a_node_of_that_name(tmp_path: Path) -> None:
    put_in, own = ("Transpose_token_4", "OP"), ("Transpose", "OP")
    write(tmp_path, document(mapping("Transpose_token_4", "Transpose", put_in), mapping("Transpose", "Transpose", own)))
    made = optrace.read({TRACE: traced(tmp_path, OWNERS)}).operators
    assert [one.units for one in made] == [(), ("Transpose",)]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"subgraph_traces": 5}',
        '{"subgraph_traces": [{"op_mappings": [{"dst_name": 1}]}]}',
        '{"subgraph_traces": [{"op_mappings": [null]}]}',
        "\x00\xff",
    ],
)
def test_a_broken_file_of_the_compilers_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / optrace.WRITTEN).write_text(content, encoding="latin-1")
    with pytest.raises(InvalidBundle, match=optrace.WRITTEN):
        traced(tmp_path, OWNERS)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidBundle, match="cannot be read"):
        traced(tmp_path, OWNERS)
    for files in ({}, {TRACE: b"{"}, {TRACE: b'{"operators": [], "schema": "later/9"}'}, {TRACE: tmp_path / "gone"}):
        with pytest.raises(InvalidBundle):
            optrace.read(files)


def profile(*cycles: int) -> str:
    head = "Msg Timestamp,Message,Time,Unit of Measurement,Timing Source,Event Level,Event Identifier\n"
    rows = [f"0,NODE,{count},CYCLES,BACKEND,SUB-EVENT,{name}:OpId_{number} (cycles)" for number, (name, count) in
            enumerate(zip(NAMES, cycles, strict=True))]  # fmt: skip
    rows.insert(0, "0,NODE,7,CYCLES,BACKEND,SUB-EVENT,Input OpId_2 (cycles)")
    rows += [
        "0,BACKEND,200,US,BACKEND,ROOT,Accelerator (execute) time",
        "0,EXECUTE,250,US,BACKEND,ROOT,QNN (execute) time",
    ]
    return head + "\n".join(rows) + "\n"


def test_names_in_a_profile_stay_whole() -> None:
    (run,) = runs_of(rows_of(profile(1, 2, 3, 4, 5, 6, 0)))
    assert run.cycles == {"Input": 7, **dict(zip(NAMES, [1, 2, 3, 4, 5, 6, 0], strict=True))}
    assert (run.whole, run.accelerator) == (250, 200)
    assert by_node(run)["conv"] == pytest.approx(200 / 28)


@pytest.mark.parametrize(
    "text", ["", "\n", "nonsense", "0,NODE,x,CYCLES,B,S,a:OpId_1 (cycles)\n", profile(*[1] * 7)[:200]]
)
def test_a_profile_that_is_broken_or_cut_tells_no_run(text: str) -> None:
    assert runs_of(rows_of(text)) == []


class Segment:
    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def run(self, inputs: Any) -> None:
        pass

    def runs(self) -> Any:
        return [run for text in self.texts for run in runs_of(rows_of(text))]

    def close(self) -> None:
        pass


def test_cycles_are_medians_beside_what_was_compiled(tmp_path: Path) -> None:
    write(tmp_path, document(mapping("conv_token_1", "Conv2d", ("conv", "OP")), mapping("gone", "Relu", ("q", "OP"))))
    files = {TRACE: traced(tmp_path, OWNERS)}
    runs = [profile(count, 0, 0, 0, 0, 0, 0) for count in (900, 10, 30, 20)]
    trace = operators(lambda: Segment(*runs), files, {}, 3)
    assert trace.notes == ()
    first, second, *rest = trace.operators
    assert (first.name, first.op_type, first.units, first.cycles) == ("conv_token_1", "Conv2d", ("conv",), 20)
    assert (second.name, second.cycles, second.us) == ("gone", None, None)
    assert [one.name for one in rest] == ["Input", *NAMES[1:]]
    assert {one.units for one in rest} == {()}


def test_without_the_compilers_list_there_are_cycles_and_a_note() -> None:
    trace = operators(lambda: Segment(*[profile(5, 0, 0, 0, 0, 0, 0)] * 2), {}, {}, 1)
    assert ("conv", "", 5) in [(one.name, one.op_type, one.cycles) for one in trace.operators]
    assert "Compile it again" in trace.notes[0]
    assert operators(lambda: Segment(), {}, {}, 1).notes[-1] == "QNN noted no operator"
