"""Names and messages of strangers in every view: nothing in them acts on a terminal, a page or a sheet."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import onnx
import pytest
from fakes import COMPILING, Site
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper
from small import save, value
from zif import Model, plan
from zif.report import plan_html

#: A terminal's commands, another direction, an invisible character, lines that look like ours, markup.
NASTY = "a\x1b[2J\x9b\u202egnp.exe\u2066\u200b\U000e0041\x7f\nzif: error: b<img src=x>=1+1`|&"
#: What must stand in no output, but for the ends of its own lines.
ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}

#: A backend that prints nothing itself: what it prints is its own.
QUIET = COMPILING.replace('print("compiling", converted.data.name)', "pass")
ODD = st.characters(categories=("Cc", "Cf", "Zl", "Zp"), exclude_characters="\0") | st.sampled_from("<>&\"'=`|ש字😀 ")


def acting(text: str) -> list[str]:
    return [hex(ord(char)) for char in text if unicodedata.category(char) in ACTING and char != "\n"]


def nasty(path: Path, name: str = NASTY) -> Path:
    """Every name in the file is `name` with a letter in front: nodes, tensors, dimensions, the graph, metadata."""
    nodes = [
        helper.make_node("Relu", [f"x{name}"], [f"r{name}"], f"n{name}", doc_string=name),
        helper.make_node("Sigmoid", [f"r{name}"], [f"y{name}"], f"s{name}"),
    ]
    save(path, nodes, [value(f"x{name}", [f"d{name}", 4])], [value(f"y{name}", [f"d{name}", 4])])
    model = onnx.load(path)
    model.graph.name, model.producer_name, model.doc_string = name, name, name
    helper.set_model_props(model, {name: name})
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def room(site: Site, tmp_path: Path) -> Path:
    """A model with nasty names in a file with one, and plugins that say such things."""
    site.add("good", QUIET)
    site.add("odd", QUIET, AVAILABLE=False, REASON=f"not here: {NASTY}")
    site.add("gone", f"raise RuntimeError({NASTY!r})")
    site.add("picky", QUIET, OPS=["Tanh"])
    nasty(tmp_path / f"m{NASTY.replace('/', '')}.onnx")
    (tmp_path / "judge.py").write_text("def judge(session):\n    return 1.0\n")
    return tmp_path


FIX = ["--shape", f"x{NASTY}=2,4"]
VIEWS = [
    ["plan", "MODEL", *FIX, "--all-units"],
    ["plan", "MODEL", *FIX, "--explain", "op:Relu"],
    ["plan", "MODEL", *FIX, "--pin", "s*=good", "--only", "good"],
    ["plan", "MODEL", *FIX, "--what-if", "good-Relu"],
    ["plan", "MODEL", *FIX, "--only", "picky"],
    ["plan", "MODEL", *FIX, "--only", NASTY],
    ["plan", "MODEL", "--shape", f"{NASTY}=1"],
    ["plan", f"no {NASTY}"],
    ["plan", "MODEL", *FIX, "-t", NASTY],
    ["run", "MODEL", *FIX, "--random", "0"],
    ["run", "MODEL", *FIX, "--random", "0", "-o", "out"],
    ["run", "MODEL", *FIX, "-i", f"{NASTY}=none.npy"],
    ["compare", "MODEL", "MODEL", *FIX, "--random", "0"],
    ["profile", "MODEL", *FIX, "--random", "0", "--runs", "1", "--warmup", "0"],
    ["compile", "MODEL", *FIX, "-o", f"b{NASTY}.zif".replace("/", "")],
    ["eval", "MODEL", *FIX, "--eval", f"judge.py:{NASTY}"],
    ["verdicts", "MODEL", *FIX, "--all"],
    ["cache", "why", "MODEL", *FIX],
    ["backends"],
    ["doctor"],
    ["config", "show", NASTY],
    ["schema", NASTY],
    ["targets", NASTY],
    ["new-backend", NASTY],
    [NASTY],
    [f"--{NASTY}"],
    ["plan", f"--{NASTY}"],
]


@pytest.mark.parametrize("words", VIEWS, ids=[" ".join(words).replace(NASTY, "NASTY") for words in VIEWS])
@pytest.mark.parametrize("form", ["table", "json"])
def test_no_view_lets_a_name_act(site: Site, room: Path, words: list[str], form: str) -> None:
    model = next(room.glob("m*.onnx")).name
    words = [model if word == "MODEL" else word for word in words] + ["--json"] * (form == "json")
    result = site.zif(*words, cwd=room, COLUMNS="4000")
    assert result.code in (0, 1, 2), result.err
    assert acting(result.out) == []
    assert acting(result.err) == []
    for line in (result.out + result.err).splitlines():
        assert not line.startswith("zif: error: b<img")
    assert "Traceback" not in result.err
    if form == "json" and "NASTY" not in words[0] and result.out:
        json.loads(result.out)


def test_json_gives_the_names_back_as_they_are(site: Site, room: Path) -> None:
    model = next(room.glob("m*.onnx")).name
    document = site.zif("run", model, *FIX, "--random", "0", "--json", cwd=room).json
    assert list(document["outputs"]) == [f"y{NASTY}"]


def test_debug_shows_a_strangers_message_as_text(site: Site, room: Path) -> None:
    result = site.zif("plan", f"no {NASTY}", "--debug", cwd=room)
    assert result.code == 2
    assert "Traceback" in result.err
    assert acting(result.err) == []


def test_files_for_people_show_names_as_text(site: Site, room: Path) -> None:
    model = next(room.glob("m*.onnx")).name
    made = site.zif("plan", model, *FIX, "--html", "plan.html", "--overlay", "plan.json", cwd=room)
    assert made.code == 0, made.err
    page, overlay = ((room / name).read_text(encoding="utf-8") for name in ("plan.html", "plan.json"))
    assert (acting(page), acting(overlay)) == ([], [])
    assert "<img src=x>" not in page
    plans = []
    for number, shape in enumerate(("2,4", "3,4")):
        file = room / f"{number}.json"
        file.write_text(site.zif("plan", model, "--shape", f"x{NASTY}={shape}", "--json", cwd=room).out)
        plans.append(file.name)
    for more in ([], ["--markdown"], ["--json"]):
        told = site.zif("plan", "--diff", *plans, *more, cwd=room)
        assert (told.code, acting(told.out)) == (0, []), told.err
        assert "\nzif: error" not in told.out


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.text(ODD, min_size=1))
def test_any_name_is_text_on_the_page(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    path = nasty(tmp_path_factory.mktemp("any") / "m.onnx", name)
    made = plan(Model.load(path, {f"x{name}": [2, 4]}), only=["qnn_cpu"])
    page = plan_html(made)
    assert acting(page) == []
    data = json.loads(page.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    assert [unit[0] for unit in data["units"]] == [unit.name for unit in made.units]


def test_outputs_that_are_no_tensors_are_written_as_text(tmp_path: Path) -> None:
    from zif.cli.outputs import save as written

    made = written({"y": {NASTY: np.float32(1)}}, tmp_path, raw=False)
    text = made["y"].read_text(encoding="utf-8")
    assert acting(text) == []
    assert json.loads(text) == {NASTY: 1.0}
