"""The page in a real browser: it folds, finds and draws at every width, and logs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import pytest
import zif
from onnx import TensorProto, helper
from report.browser import FAINT, NEEDS, Page, opened
from zif.report import plan_html

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light/light_squeezenet.onnx"

pytestmark = list(NEEDS)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    yield from opened(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def plan() -> zif.Plan:
    return zif.plan(LIGHT, only=["qnn_cpu", "reference"], pin={"op:Concat": "reference"}, counterfactuals=3)


@pytest.fixture
def seen(browser: Page, tmp_path: Path) -> Any:
    """Opens a page and runs a probe in it."""
    return partial(browser.look, tmp_path / "page.html")


#: Counts the pixels of a canvas that have a colour.
PIXELS = """const count = (canvas, colour) => {
    const want = colour.match(/\\w\\w/g).map(part => parseInt(part, 16));
    const copy = document.createElement("canvas");
    copy.width = canvas.width;
    copy.height = canvas.height;
    const pen = copy.getContext("2d", {willReadFrequently: true});
    pen.drawImage(canvas, 0, 0);
    const {data} = pen.getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let i = 0; i < data.length; i += 4) if (want.every((value, c) => data[i + c] === value)) found++;
    return found;
  };"""


@pytest.mark.parametrize("width", [1280, 400])
def test_it_folds_finds_and_fits(seen: Any, plan: zif.Plan, width: int) -> None:
    probe = """
      const folds = [...document.querySelectorAll("details.segment")];
      const closed = folds.filter(one => one.open).length;
      document.getElementById("open").click();
      await wait(300);
      const drawn = () => document.querySelectorAll("details .graph canvas").length;
      const before = drawn();
      for (const details of folds) {
        details.scrollIntoView();
        await wait(200);
      }
      const after = drawn();
      const painted = views.filter(view => view.canvas.width > 0).length;
      document.getElementById("close").click();
      const box = document.getElementById("search");
      box.value = "concat";
      box.dispatchEvent(new Event("input"));
      await wait(400);
      const rows = [...document.querySelectorAll("tr[id^=u]")].filter(row => !row.classList.contains("gone"));
      const found = document.getElementById("found").textContent;
      const shown = folds.filter(one => !one.classList.contains("gone")).length;
      box.value = "";
      box.dispatchEvent(new Event("input"));
      await wait(400);
      const all = [...document.querySelectorAll("tr[id^=u]")].filter(row => !row.classList.contains("gone")).length;
      return {closed, before, after, painted, found, rows: rows.map(row => row.cells[0].textContent), shown, all,
        width: innerWidth, wide: document.documentElement.scrollWidth};
    """
    told = seen(plan_html(plan), probe, width)
    concat = [unit for unit in plan.units if "concat" in json.dumps([unit.name, unit.op_type]).lower()]
    assert told["width"] == width
    assert told["wide"] <= width
    assert (told["closed"], told["after"]) == (0, len(plan.segments))
    assert told["before"] < told["after"]
    assert 0 < told["painted"] < told["after"]
    assert {unit.name for unit in concat} <= set(told["rows"])
    assert told["found"].startswith(f"{len(told['rows'])} units in ")
    assert told["shown"] < len(plan.segments)
    assert told["all"] == len(plan.units)


def test_all_units_are_drawn_in_their_backends_colours_and_answer_a_click(seen: Any, plan: zif.Plan) -> None:
    probe = (
        PIXELS
        + """
      document.getElementById("whole").click();
      await wait(200);
      const canvas = document.querySelector("#every canvas"), box = canvas.getBoundingClientRect();
      const colours = Object.fromEntries(Object.entries(data.colours).map(([name, hex]) => [name, count(canvas, hex)]));
      const view = views.find(one => one.place === every), [x, y] = view.plan.places.get(3);
      const at = {clientX: box.left + (x + 5) * view.scale, clientY: box.top + (y + 5) * view.scale, bubbles: true};
      canvas.dispatchEvent(new MouseEvent("click", at));
      const panel = document.getElementById("unit").textContent;
      document.querySelector("#unit a").click();
      const row = document.getElementById("u3");
      return {colours, panel, open: row.closest("details").open, hit: row.className, hidden: drawing.hidden};
    """
    )
    told = seen(plan_html(plan), probe)
    assert told["colours"]["qnn_cpu"] > told["colours"]["reference"] > 0
    assert plan.units[3].name in told["panel"]
    assert all(verdict.reason in told["panel"] for verdict in plan.units[3].verdicts.values())
    assert (told["open"], told["hit"], told["hidden"]) == (True, "hit", True)


def test_five_thousand_units_stay_in_the_window(seen: Any) -> None:
    nodes = [
        helper.make_node(["Relu", "Neg", "Abs"][i % 3], [f"t{i}"], [f"t{i + 1}"], name=f"n{i}") for i in range(5000)
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in ("t0", "t5000")]
    model = helper.make_model(helper.make_graph(nodes, "long", ends[:1], ends[1:]), ir_version=9)
    plan = zif.plan(model, only=["qnn_cpu", "reference"], pin={"n*00": "reference"})
    probe = (
        PIXELS
        + """
      document.getElementById("whole").click();
      const view = views[0], canvas = view.canvas;
      const box = document.getElementById("search");
      box.value = "n4321";
      box.dispatchEvent(new Event("input"));
      await wait(500);
      return {tall: view.frame.clientHeight, fits: view.plan.wide * view.fit <= view.frame.clientWidth + 1,
        found: document.getElementById("found").textContent,
        open: document.querySelectorAll("details.segment[open]").length};
    """
    )
    told = seen(plan_html(plan), probe)
    assert told == {"tall": told["tall"], "fits": True, "found": "1 unit", "open": 1}
    assert told["tall"] <= 460


def test_a_hostile_name_runs_nothing(seen: Any) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in (evil, "y")]
    graph = helper.make_graph([helper.make_node("Relu", [evil], ["y"], name=evil)], evil, ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    page = plan_html(zif.plan(model, only=["qnn_cpu", "reference"]))
    probe = """
      document.getElementById("whole").click();
      choose(0, every);
      return {images: document.images.length, title: document.querySelector("#unit h3").textContent};
    """
    told = seen(page, probe)
    assert told["images"] == 0
    assert evil in told["title"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(seen: Any, plan: zif.Plan, dark: bool) -> None:
    """At least 4.5 to 1 for every text, as WCAG 2.2 has it for level AA (success criterion 1.4.3)."""
    probe = """
      document.querySelector("details.segment").open = true;
      const poor = faint("body *:not(script):not(svg *)");
      return {poor, page: getComputedStyle(document.body).backgroundColor};
    """
    told = seen(plan_html(plan), FAINT + probe, dark=dark)
    assert told["poor"] == []
    assert (told["page"] == "rgb(255, 255, 255)") is not dark


def profiled(plan: zif.Plan) -> dict[str, Any]:
    """A profile's document as far as the page reads it."""
    shared = {"code": "ok", "basis": "probed", "others": ["</script>"], "us": 1.5, "predicted_us": None}
    rows = [
        {"name": unit.name, "op_type": unit.op_type, "segment": unit.segment, "backend": unit.backend, **shared}
        | {"operators": [f"Kernel<{number}> k"], "cycles": 5.0 + number, "emulated": number % 2 == 0}
        for number, unit in enumerate(plan.units)
    ]
    times = {"p50": 1.0, "p99": 2.0}
    segments = [{"id": 0, "unmapped": ["no list"], "untimed": ""}]
    return {"ms": times, "runs": 3, "overhead_ms": 0.1, "suggestions": [], "segments": segments, "nodes": rows}


FINDING = """
    const find = document.getElementById("find-node"), rows = [...document.querySelectorAll("#node-rows tbody tr")];
    const shown = () => rows.filter(row => row.offsetParent !== null).length;
    const type = text => {
      find.value = text;
      find.dispatchEvent(new Event("input"));
      return [shown(), document.getElementById("found-nodes").textContent];
    };
    const fits = document.documentElement.scrollWidth <= innerWidth;
    return [shown(), type("kernel<3> PROBED"), type("Kernel<3> nowhere"), type(""), fits];
"""


@pytest.mark.parametrize("width", [1280, 400])
def test_the_table_of_nodes_finds_by_every_word(seen: Any, plan: zif.Plan, width: int) -> None:
    count = len(plan.units)
    found = seen(plan_html(plan, profiled(plan)), FINDING, width)
    assert found == [count, [1, "1 row"], [0, "0 rows"], [count, ""], True]
