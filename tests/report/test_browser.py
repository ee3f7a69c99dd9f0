"""The page in a real browser: it folds, finds and draws at every width, and logs nothing."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import onnx
import pytest
import zif
from onnx import TensorProto, helper
from zif.report import plan_html

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light/light_squeezenet.onnx"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]


def seen(folder: Path, page: str, probe: str, width: int = 1280) -> Any:
    """What `probe` (the body of an async function in the page) returns. Fails on an error or a line in the console.

    The page stands in a frame of the width asked for, since a window of a headless browser is 500 pixels wide at least.
    """
    inside = (
        """<script>
      const told = [];
      for (const kind of ["error", "warn", "log"]) console[kind] = (...words) => told.push(words.join(" "));
      addEventListener("error", event => told.push(event.message));
      addEventListener("unhandledrejection", event => told.push(String(event.reason)));
      const wait = ms => new Promise(done => setTimeout(done, ms));
      addEventListener("load", async () => {
        const answer = await (async () => {PROBE})();
        parent.postMessage(JSON.stringify({answer, told}), "*");
      });</script>"""
    ).replace("PROBE", probe)
    (folder / "page.html").write_text(page.replace("<style>", inside + "<style>", 1), encoding="utf-8")
    outside = (
        """<!doctype html><title>waiting</title><iframe src="page.html" style="width:WIDTHpx;height:900px;border:0">
      </iframe><script>addEventListener("message", event => { document.title = event.data; });</script>"""
    ).replace("WIDTH", str(width))
    (folder / "frame.html").write_text(outside, encoding="utf-8")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--window-size=1400,1000"]
    command += ["--virtual-time-budget=20000", "--allow-file-access-from-files", "--enable-logging=stderr"]
    command += ["--dump-dom", (folder / "frame.html").as_uri()]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    assert ":CONSOLE" not in done.stderr, done.stderr
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title is not None
    found = json.loads(html.unescape(title.group(1)))
    assert found["told"] == []
    return found["answer"]


@pytest.fixture(scope="module")
def plan() -> zif.Plan:
    return zif.plan(LIGHT, only=["qnn_cpu", "reference"], pin={"op:Concat": "reference"}, counterfactuals=3)


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
def test_it_folds_finds_and_fits(tmp_path: Path, plan: zif.Plan, width: int) -> None:
    probe = """
      const folds = [...document.querySelectorAll("details.segment")];
      const closed = folds.filter(one => one.open).length;
      document.getElementById("open").click();
      await wait(50);
      const drawings = document.querySelectorAll("details .graph canvas").length;
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
      return {closed, drawings, found, rows: rows.map(row => row.cells[0].textContent), shown, all,
        width: innerWidth, wide: document.documentElement.scrollWidth};
    """
    told = seen(tmp_path, plan_html(plan), probe, width)
    concat = [unit for unit in plan.units if "concat" in json.dumps([unit.name, unit.op_type]).lower()]
    assert told["width"] == width
    assert told["wide"] <= width
    assert (told["closed"], told["drawings"]) == (0, len(plan.segments))
    assert {unit.name for unit in concat} <= set(told["rows"])
    assert told["found"].startswith(f"{len(told['rows'])} units in ")
    assert told["shown"] < len(plan.segments)
    assert told["all"] == len(plan.units)


def test_all_units_are_drawn_in_their_backends_colours_and_answer_a_click(tmp_path: Path, plan: zif.Plan) -> None:
    probe = (
        PIXELS
        + """
      document.getElementById("whole").click();
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
    told = seen(tmp_path, plan_html(plan), probe)
    assert told["colours"]["qnn_cpu"] > told["colours"]["reference"] > 0
    assert plan.units[3].name in told["panel"]
    assert all(verdict.reason in told["panel"] for verdict in plan.units[3].verdicts.values())
    assert (told["open"], told["hit"], told["hidden"]) == (True, "hit", True)


def test_five_thousand_units_stay_in_the_window(tmp_path: Path) -> None:
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
    told = seen(tmp_path, plan_html(plan), probe)
    assert told == {"tall": told["tall"], "fits": True, "found": "1 unit", "open": 1}
    assert told["tall"] <= 460


def test_a_hostile_name_runs_nothing(tmp_path: Path) -> None:
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
    told = seen(tmp_path, page, probe)
    assert told["images"] == 0
    assert evil in told["title"]
