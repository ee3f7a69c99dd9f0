"""The page of a sweep in a real browser: readable at 40 × 30 × 3, and nothing of it comes from elsewhere."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from report.browser import FAINT, NEEDS, Page, opened
from zif_sweep import Row, sweep_html
from zif_sweep.rows import Part, Refusal

pytestmark = list(NEEDS)

PRECISIONS = ("float", "w8a8", "w8a16")


def rows(models: int = 40, targets: int = 30, name: str = "model with a name of its own") -> list[Row]:
    """A sweep on paper: every figure from a seed, one cell in fifty failed."""
    source = random.Random(0)
    made = []
    for m in range(models):
        base = 10 ** source.uniform(2, 5)
        for t in range(targets):
            for share, precision in zip((1.0, 0.4, 0.7), PRECISIONS, strict=True):
                us = base * share * source.uniform(0.6, 2)
                place = (f"{name} {m}", "digest", f"chip-{t}-of-thirty", precision, "plan")
                parts = (Part("my_npu", "", 40, us * 0.9, "Conv × 30"), Part("my_cpu", "", 2, us * 0.1, "TopK × 2"))
                figures = {"latency_us": us, "coverage": 0.97, "units": 42, "segments": 2, "seconds": 1.0}
                refusals = (Refusal("my_npu", "op", "does not have TopK", 2),)
                row = Row("key", *place, "ok", made="as it is", parts=parts, refusals=refusals, **figures)
                failed = evolve(row, state="failed", reason="the compiler refused it", latency_us=None, parts=())
                made.append(failed if source.random() < 0.02 else row)
    return made


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    yield from opened(tmp_path_factory.mktemp("browser"))


@pytest.fixture
def seen(browser: Page, tmp_path: Path) -> Any:
    """Opens the page of rows and runs a probe in it."""

    def look(of: Sequence[Row], probe: str, width: int = 1280, dark: bool = False, old: Any = None) -> Any:
        return browser.look(tmp_path / "page.html", sweep_html(of, "results.jsonl", old), probe, width, dark)

    return look


@pytest.mark.parametrize("width", [1280, 400])
def test_forty_by_thirty_by_three_can_be_read(seen: Any, width: int) -> None:
    probe = """
      const buttons = [...document.querySelectorAll("#matrix button")], shown = buttons.filter(one => one.textContent);
      const cut = shown.filter(one => one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight + 1);
      const heads = [...document.querySelectorAll("#matrix thead span")];
      const frame = document.getElementById("frame"), first = document.querySelector("#matrix tbody th");
      const whole = frame.getBoundingClientRect();
      frame.scrollLeft = 500;
      frame.scrollTop = 700;
      await wait(100);
      const head = document.querySelector("#matrix thead th:nth-child(20)").getBoundingClientRect();
      return {buttons: buttons.length, shown: shown.length, cut: cut.map(one => one.textContent),
        heads: heads.length, headCut: heads.filter(one => one.scrollHeight > one.clientHeight + 1).length,
        names: new Set([...document.querySelectorAll("#matrix tbody th")].map(one => one.title)).size,
        stays: first.getBoundingClientRect().left === whole.left && Math.abs(head.top - whole.top) < 2,
        least: Math.min(...buttons.slice(0, 90).map(one => parseFloat(getComputedStyle(one).fontSize))),
        failed: document.querySelectorAll("#matrix .failed").length,
        size: document.getElementById("size").textContent,
        width: innerWidth, wide: document.documentElement.scrollWidth};
    """
    made = rows()
    told = seen(made, probe, width)
    assert (told["buttons"], told["shown"], told["heads"], told["names"]) == (3600, 3600, 30, 40)
    assert (told["cut"], told["headCut"]) == ([], 0)
    assert told["stays"], "names of models and chips stay in sight"
    assert told["least"] >= 10
    assert told["failed"] == sum(row.state == "failed" for row in made) > 0
    assert told["size"] == "40 models × 30 chips × 3 precisions"
    assert told["wide"] <= told["width"] == width


@pytest.mark.parametrize("width", [1280, 400])
def test_a_click_shows_the_plan(seen: Any, width: int) -> None:
    probe = """
      const detail = document.getElementById("detail"), before = detail.hidden;
      document.querySelector('[data-at="1|2|w8a8"]').click();
      await wait(100);
      const text = detail.textContent, box = detail.getBoundingClientRect(), open = !detail.hidden;
      document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
      return {before, open, text, fits: box.left >= 0 && box.right <= innerWidth + 1, after: detail.hidden};
    """
    told = seen(rows(3, 4), probe, width)
    assert (told["before"], told["open"], told["fits"], told["after"]) == (True, True, True, True)
    for word in ("model with a name of its own 1 on chip-2-of-thirty", "my_npu", "TopK × 2", "does not have TopK"):
        assert word in told["text"]


def test_it_shows_every_figure_finds_models_and_colours_by_the_figure(seen: Any) -> None:
    probe = """
      const figure = document.getElementById("figure"), names = [...figure.options].map(one => one.value);
      const first = () => document.querySelector("#matrix button:not(.failed)");
      const latency = [first().textContent, first().style.background];
      figure.value = "coverage";
      figure.onchange({target: figure});
      const coverage = [first().textContent, first().style.background];
      const box = document.getElementById("search");
      box.value = "own 2";
      box.oninput({target: box});
      const models = document.querySelectorAll("#matrix tbody tr").length;
      const precision = document.getElementById("precision");
      precision.value = "w8a8";
      precision.onchange({target: precision});
      return {names, latency, coverage, models, buttons: document.querySelectorAll("#matrix button").length};
    """
    told = seen(rows(3, 4), probe)
    assert {"latency", "coverage", "failures"} <= set(told["names"])
    assert "accuracy" not in told["names"], "what no cell has is not offered"
    assert told["coverage"][0] == "97"
    assert told["latency"][1] != told["coverage"][1]
    assert (told["models"], told["buttons"]) == (1, 4)


def test_two_sweeps_are_side_by_side(seen: Any) -> None:
    made = [row for row in rows(2, 3) if row.state == "ok"]
    old = [
        evolve(row, latency_us=(row.latency_us or 0) / (1.25 if row.target == "chip-1-of-thirty" else 1))
        for row in made
    ]
    probe = """
      const text = at => document.querySelector(`[data-at="${at}"]`).textContent;
      const change = [text("0|0|float"), text("0|1|float")];
      const view = document.getElementById("view");
      view.value = "old";
      view.onchange({target: view});
      const before = text("0|1|float");
      document.querySelector('[data-at="0|1|float"]').click();
      return {change, before, panel: document.getElementById("detail").textContent};
    """
    told = seen(made, probe, old=old)
    assert told["change"] == ["+0.0", "+25"]
    assert told["before"]
    assert "predicted latency" in told["panel"]


def test_a_hostile_name_runs_nothing(seen: Any) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    probe = """
      document.querySelector("#matrix button").click();
      return {images: document.images.length, title: document.querySelector("#detail h2").textContent};
    """
    told = seen(rows(1, 1, evil), probe)
    assert told["images"] == 0
    assert evil in told["title"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(seen: Any, dark: bool) -> None:
    """At least 4.5 to 1, as WCAG 2.2 has it for level AA (success criterion 1.4.3)."""
    probe = """
      document.querySelector("#matrix .failed").click();
      return faint("body *:not(script):not(noscript)");
    """
    assert seen(rows(8, 6), FAINT + probe, dark=dark) == []
