"""The page of a plan: whole without a network, right in a browser, safe with hostile names."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import attrs
import onnx
import zif
from markupsafe import escape
from onnx import TensorProto, helper
from zif.model import Model
from zif.report import annotated, node_data, plan_html

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light/light_squeezenet.onnx"
ONLY = ["qnn_cpu", "reference"]


class Page(HTMLParser):
    """Tags, links and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        known = dict(attrs)
        self.ids.add(known.get("id") or "")
        self.links += [value for key, value in attrs if key in ("src", "href") and value]


def split() -> zif.Plan:
    return zif.plan(LIGHT, only=ONLY, pin={"op:Concat": "reference"})


def test_the_page_needs_nothing_from_outside_and_its_links_lead_somewhere() -> None:
    page = Page(plan_html(split()))
    assert page.links
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)


def test_every_unit_and_every_reason_stands_in_the_tables() -> None:
    plan = split()
    text = plan_html(plan)
    body = text[: text.index('<script type="application/json"')]
    for unit in plan.units:
        assert f"<code>{unit.name}</code>" in body
    assert "pinned to reference by the caller" in body
    assert body.count('class="segment"') == len(plan.segments) > 2


def test_every_cell_lists_who_said_what_from_the_first_to_the_last() -> None:
    plan = zif.plan(LIGHT, only=ONLY, pin={"op:Concat": "reference"}, constraints={"memory_limit": {"qnn_cpu": "1K"}})
    page = plan_html(plan)
    cells = [
        (unit, name, cell)
        for number, unit in enumerate(plan.units)
        for name, cell in zip(ONLY, re.findall(r'<ol class="said">(.*?)</ol>', row(page, number)), strict=True)
    ]
    for unit, name, cell in cells:
        verdict = unit.verdicts[name]
        assert cell.count("<li>") == len(verdict.chain) == len(verdict.overruled) + 1
        assert escape(verdict.reason) in cell.rpartition("<li>")[2]
    limited = [cell for unit, name, cell in cells if unit.verdicts[name].source == "limits"]
    assert limited
    assert all("(precision, memory, options) refuses it, overruling 1 [memory]: needs" in cell for cell in limited)
    pinned = next(cell for unit, name, cell in cells if (unit.op_type, name) == ("Concat", "reference"))
    assert pinned.endswith("(--pin, --strict) runs it here [pinned]: pinned here by the caller")
    assert page.count("would take ") == len(limited)


def row(page: str, number: int) -> str:
    return page[page.index(f'<tr id="u{number}">') :].partition("</tr>")[0]


def test_what_needs_the_script_is_hidden_until_it_runs() -> None:
    text = plan_html(split())
    assert "[hidden] { display: none !important; }" in text
    controls = re.findall(r"<(?:p|div)[^>]*>\s*<(?:button|input)[^>]*>", text)
    assert len(controls) == 2
    assert all(" hidden>" in control for control in controls)


def test_a_hostile_name_stays_text() -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in (evil, "y")]
    graph = helper.make_graph([helper.make_node("Relu", [evil], ["y"], name=evil)], evil, ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    page = Page(plan_html(zif.plan(model, only=ONLY)))
    assert "img" not in page.tags
    assert page.tags.count("script") == 2


def test_the_script_gets_every_unit_with_a_place() -> None:
    plan = split()
    data = drawn(plan_html(plan))
    assert [(name, op, segment) for name, op, segment, *_ in data["units"]] == [
        (unit.name, unit.op_type, unit.segment) for unit in plan.units
    ]
    assert all(0 <= a < b < len(plan.units) for a, b in data["edges"])
    for a, b in data["edges"]:
        (_, _, one, row, _, local, _), (_, _, other, below, _, under, _) = data["units"][a], data["units"][b]
        assert row < below
        assert one != other or local < under
    places = {(row, column) for _, _, _, row, column, _, _ in data["units"]}
    assert len(places) == len(plan.units)
    assert data["segments"] == {str(one.id): one.backend for one in plan.segments}


def drawn(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))


def test_counterfactuals_and_bases_stand_in_tables() -> None:
    text = plan_html(zif.plan(LIGHT, only=ONLY, what_if="qnn_cpu-Concat"))
    assert "qnn_cpu did not take Concat" in text
    assert "on what basis" in text


def test_the_annotated_model_is_valid_and_says_where_each_node_runs() -> None:
    plan, model = split(), Model.load(LIGHT)
    proto = annotated(plan, model)
    onnx.checker.check_model(proto)
    notes = {node.name: {p.key: p.value for p in node.metadata_props} for node in proto.graph.node}
    for unit in plan.units:
        assert notes[unit.name]["zif.backend"] == unit.backend
    assert not any(p.key.startswith("zif.") for node in model.proto.graph.node for p in node.metadata_props)


def test_node_data_is_what_model_explorer_reads() -> None:
    """Its keys are the graph's name and the nodes' names, which the viewer's ONNX adapter takes for ids."""
    plan, model = split(), Model.load(LIGHT)
    ((graph, data),) = node_data(plan, model).items()
    original = onnx.load(LIGHT)
    assert graph == original.graph.name
    named = [node.name for node in original.graph.node if node.name]
    assert set(named) <= set(data["results"])
    assert {data["results"][unit.name]["value"] for unit in plan.units} == set(ONLY)
    for entry in data["results"].values():
        assert set(entry) == {"value", "bgColor", "textColor"}
        assert re.fullmatch("#[0-9A-F]{6}", entry["bgColor"])


def test_memory_and_goals_stand_on_the_page() -> None:
    from zif.planning.plan import Check, Memory

    plan = split()
    memory = {"qnn_cpu": Memory(3 << 20, 2 << 20, "peak", 5 << 20, 8 << 20, 2)}
    predicted = attrs.evolve(plan.predicted, memory=memory)
    missed = Check("latency_goal", 1.0, 2.0, met=False, hard=False, text="asked for 1 µs: 2 µs predicted")
    text = plan_html(attrs.evolve(plan, predicted=predicted, checks=(missed,)))
    assert text.count("asked for 1 µs: 2 µs predicted") == 1
    assert all(words in text for words in ("3 MiB", "2 MiB", "<code>peak</code>", "8 MiB; 2 units beyond it, in parts"))


def test_a_backend_has_the_same_colour_in_every_plan() -> None:
    other = zif.plan(LIGHT, only=ONLY, pin={"*": "reference"})
    shades = [drawn(plan_html(plan))["colours"] for plan in (split(), other)]
    assert shades[0] == shades[1]
    assert len(set(shades[0].values())) == len(shades[0])
