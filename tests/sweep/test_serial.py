"""A sweep in one process: what there is to do, that it is done once, and that nothing of it is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import COMPILING, Site
from jsonschema import Draft202012Validator
from small import classifier
from sweeping import remake, table
from zif import schemas

Swept = Callable[..., tuple[int, Any, str]]
TWO = ("-t", "snapdragon-8-gen-3,snapdragon-8-elite")
#: A compiler that ends its process for a model with a Sqrt in it.
DEADLY = (
    COMPILING
    + """

_compile = compile

@hookimpl
def compile(converted):
    import os
    if any(node.op_type == "Sqrt" for node in converted.data.proto.graph.node):
        os.abort()
    return _compile(converted)
"""
)
SLOW = (
    COMPILING
    + """

_compile = compile

@hookimpl
def compile(converted):
    import time
    time.sleep(1)
    return _compile(converted)
"""
)
#: Runs a program that cannot make a file larger than 2,500 bytes.
SMALL_DISK = """
import os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_every_model_meets_every_chip_and_a_second_run_does_nothing(swept: Swept, room: Path) -> None:
    words = ("models", *TWO, "--precision", "float", "--stage", "plan,compile", "-o", "out.jsonl")
    code, first, err = swept(*words)
    assert (code, err) == (0, "")
    places = {(row["model"], row["target"], row["stage"]) for row in first["rows"]}
    chips = ("snapdragon-8-gen-3", "snapdragon-8-elite")
    assert places == {(m, t, s) for m in ("one", "two") for t in chips for s in ("plan", "compile")}
    assert all(row["state"] == "ok" and row["latency_us"] > 0 for row in first["rows"])
    assert all(row["bytes"] > 0 for row in first["rows"] if row["stage"] == "compile")
    assert first["done"] == 8
    before = (room / "out.jsonl").read_bytes()
    code, second, _ = swept(*words)
    assert (code, second["done"]) == (0, 0)
    assert second["rows"] == first["rows"]
    assert (room / "out.jsonl").read_bytes() == before
    assert sorted(path.name for path in room.iterdir()) == ["broken.onnx", "models", "out.jsonl"]


def test_what_changed_is_done_anew_and_nothing_else(swept: Swept, site: Site, room: Path) -> None:
    words = ("models", *TWO, "-o", "out.jsonl")
    swept(*words)
    classifier(room / "models" / "one.onnx")
    assert swept(*words)[1]["done"] == 2
    assert swept(*words, "--precision", "float,w8a8")[1]["done"] == 4
    site.add("other", COMPILING)
    assert swept(*words)[1]["done"] == 4, "another backend may change every plan"


def test_a_sweep_file_says_the_same_as_the_words(swept: Swept, room: Path) -> None:
    (room / "sweep.toml").write_text(
        """
models = ["models/*.onnx"]
targets = ["snapdragon-8-elite", "snapdragon-8-elite-gen-?"]
precisions = ["float", "w8a8"]
stages = ["plan"]
plan = {only = ["good"]}

[[model]]
name = "mine"
file = "models/one.onnx"
ready.w8a8 = "models/two.onnx"

[[more]]
models = ["on*"]
precisions = ["float"]
stages = ["compile", "verify"]
"""
    )
    code, told, err = swept("sweep.toml")
    assert err == ""
    assert told["output"] == "sweep.jsonl"
    assert {row["target"] for row in told["rows"]} == {
        "snapdragon-8-elite",
        "snapdragon-8-elite-gen-5",
        "snapdragon-8-elite-gen-6",
    }
    compiled = {(row["model"], row["precision"]) for row in told["rows"] if row["stage"] == "compile"}
    assert compiled == {("one", "float")}
    made = {(row["model"], row["precision"]): row["made"] for row in told["rows"] if row["stage"] == "plan"}
    assert made["one", "w8a8"] == "assumed"
    assert made["mine", "w8a8"] == "ready"
    assert made["mine", "float"] == "as it is"
    ready = {row["units"] for row in told["rows"] if (row["model"], row["precision"]) == ("mine", "w8a8")}
    assert ready == {3}
    assert code == (1 if told["states"]["failed"] else 0)


def test_a_list_and_names_that_stand_twice(swept: Swept, room: Path) -> None:
    (room / "other").mkdir()
    (room / "other" / "one.onnx").write_bytes((room / "models" / "two.onnx").read_bytes())
    (room / "list.txt").write_text("# ours\nmodels\nother/one.onnx\n\n")
    _, told, _ = swept("@list.txt", "-t", "host")
    assert {row["model"] for row in told["rows"]} == {"models/one", "other/one", "two"}


def test_a_model_that_is_none_fails_its_cells_and_no_others(swept: Swept, room: Path) -> None:
    code, told, _ = swept("models", "broken.onnx", "-t", "host")
    assert code == 1
    assert {row["model"]: row["state"] for row in told["rows"]} == {"one": "ok", "two": "ok", "broken": "failed"}
    (failed,) = [row for row in told["rows"] if row["state"] == "failed"]
    assert failed["error"] == "InvalidModel"
    assert "broken.onnx" in failed["reason"]
    assert "\n" not in failed["reason"]


def test_a_model_that_kills_the_compiler_is_tried_alone_and_then_recorded(swept: Swept, site: Site, room: Path) -> None:
    remake(site, DEADLY)
    words = ("models", "-t", "host", "--stage", "plan,compile,run", "-o", "out.jsonl")
    code, told, _ = swept(*words)
    assert code == 1
    states = {(row["model"], row["stage"]): (row["state"], row["attempts"]) for row in told["rows"]}
    assert states["one", "compile"] == states["one", "run"] == ("ok", 1)
    assert states["two", "plan"] == ("ok", 1)
    assert states["two", "compile"] == states["two", "run"] == ("failed", 2)
    reasons = {row["reason"] for row in told["rows"] if row["state"] == "failed"}
    assert all("good" in reason and "\n" not in reason for reason in reasons)
    assert swept(*words)[1]["done"] == 0, "what failed is known, and not tried for ever"
    remake(site, COMPILING)
    assert swept(*words, "--retry-failed")[1]["states"] == {"ok": 6, "failed": 0, "skipped": 0}


def test_a_cell_that_ended_the_process_is_tried_in_one_of_its_own(swept: Swept, site: Site, room: Path) -> None:
    """Not a backend's worker but the sweep itself, as by a fault in a library: the next run knows at which cell."""
    words = ("models", "-t", "host", "-o", "out.jsonl")
    _, told, _ = swept(*words)
    key = next(row["key"] for row in told["rows"] if row["model"] == "two")
    rows = [line for line in (room / "out.jsonl").read_text().splitlines() if key not in line]
    (room / "out.jsonl").write_text("".join(f"{line}\n" for line in rows))
    (room / ".out.jsonl.begun").write_text(key)
    _, told, _ = swept(*words)
    assert {row["model"]: row["attempts"] for row in told["rows"]} == {"one": 1, "two": 2}
    assert not (room / ".out.jsonl.begun").exists()


def test_rows_hold_against_their_schema(swept: Swept, room: Path) -> None:
    _, told, _ = swept(
        "models", "broken.onnx", "-t", "host", "--stage", "plan,compile,verify,run,profile", "-o", "o.jsonl"
    )
    Draft202012Validator(schemas.schema("sweep")).validate(told)
    whole = {**schemas.schema("sweep-row"), "additionalProperties": False}
    for row in table(room / "o.jsonl"):
        Draft202012Validator(whole).validate(row)


@pytest.mark.parametrize("signal_number", [pytest.param(signal.SIGKILL, marks=pytest.mark.slow), signal.SIGINT])
def test_an_interrupted_sweep_goes_on(site: Site, swept: Swept, room: Path, signal_number: int) -> None:
    remake(site, SLOW)
    words = ["sweep", "models", *TWO, "--stage", "compile", "-o", "out.jsonl"]
    command = [sys.executable, "-S", "-m", "zif", *words]
    process = subprocess.Popen(command, cwd=room, env=site.environment(), stderr=subprocess.PIPE, text=True)
    while not (room / "out.jsonl").exists() or not (room / "out.jsonl").read_bytes().count(b"\n"):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.05)
    process.send_signal(signal_number)
    process.wait()
    done = (room / "out.jsonl").read_bytes().count(b"\n")
    assert 1 <= done < 4
    with (room / "out.jsonl").open("ab") as torn:
        torn.write(b'{"schema": "zif.sweep-row/1", "key": "torn')
    code, told, err = swept(*words[1:])
    assert (code, told["done"], len(told["rows"])) == (0, 4 - done, 4), err
    assert len(table(room / "out.jsonl")) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "there is no model"),
        (["models", "-t", "snapdragon-8-elit"], "Did you mean snapdragon-8-elite"),
        (["models", "-t", "zz*"], "no chip matches 'zz*'"),
        (["models", "--precision", "w8a7"], "Did you mean 'w8a8'"),
        (["models", "--stage", "plam"], "Did you mean 'plan'"),
        (["models", "--stage", "eval"], "eval FILE.py:FUNCTION"),
        (["models", "-o", "out.csv"], "ends in .jsonl or .parquet"),
        (["wrong.toml"], "wrong.toml is not valid TOML: Expected '=' after a key"),
        (["unknown.toml"], "a sweep has no 'targest'. Did you mean 'targets'"),
        (["kind.toml"], "kind.toml: runs must be a whole number, is the text 'ten'"),
        (["wish.toml"], "[plan] has no 'polcy'. Did you mean 'policy'"),
        (["more.toml"], "more[0].stages"),
        (["models", "--threshold", "5%"], "--threshold goes with --diff"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_wrong_is_one_sentence(site: Site, room: Path, words: list[str], said: str) -> None:
    (room / "wrong.toml").write_text('models = ["models"]\ntargets\n')
    (room / "unknown.toml").write_text('models = ["models"]\ntargest = ["host"]\n')
    (room / "kind.toml").write_text('models = ["models"]\nruns = "ten"\n')
    (room / "wish.toml").write_text('models = ["models"]\nplan = {polcy = "power"}\n')
    (room / "more.toml").write_text('models = ["models"]\n[[more]]\nmodels = ["one"]\n')
    done = site.zif("sweep", *words, cwd=room)
    assert done.code == 2, done.err
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not list(room.glob("*.jsonl"))


def test_two_sweeps_on_one_table_are_one_too_many(site: Site, room: Path) -> None:
    import filelock

    with filelock.FileLock(room / ".out.jsonl.lock"):
        done = site.zif("sweep", "models", "-o", "out.jsonl", "-t", "host", cwd=room)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "another sweep is writing" in done.err


def test_a_table_of_something_else_is_left_alone(site: Site, room: Path) -> None:
    (room / "out.jsonl").write_text(json.dumps({"mine": 1}) + "\n")
    done = site.zif("sweep", "models", "-o", "out.jsonl", "-t", "host", cwd=room)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "out.jsonl, line 1 is no row of a sweep" in done.err
    assert (room / "out.jsonl").read_text() == json.dumps({"mine": 1}) + "\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_disk_that_fills_is_one_sentence_and_what_is_finished_stays(site: Site, room: Path) -> None:
    words = [sys.executable, "-S", "-m", "zif", "sweep", "models", *TWO, "-o", "out.jsonl"]
    environment = site.environment(ZIF_CACHE="off", PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, *words], cwd=room, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "What is finished is kept" in done.stderr
    rows = table(room / "out.jsonl")
    assert 1 <= len(rows) < 4
    again = site.zif("sweep", "models", *TWO, "-o", "out.jsonl", "--json", cwd=room)
    assert (again.code, again.json["done"]) == (0, 4 - len(rows))


def test_without_it_zif_says_what_to_install(tmp_path: Path) -> None:
    done = Site(tmp_path / "bare").zif("sweep", "x.onnx")
    assert done.code == 2
    assert "comes with zif-sweep, which is not installed" in done.err
