"""A plugin that ends the process, interrupts or fails, wherever it does: zif says who, with a code of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import CAPABILITIES_RAISES, GOOD, IMPORT_EXITS, IMPORT_RAISES, Result, Site
from small import classifier

#: Does HOW at the point AT of a plugin's life, and works otherwise.
EVIL = """
import attrs
AT, HOW = {at!r}, {how!r}


def reach(point):
    if point == AT:
        exec(HOW, {{}})


reach("import")
{good}
answer = lambda *asked, inner=capabilities: inner(*asked)


@attrs.frozen
class Options:
    level: int = attrs.field(default=1, validator=lambda *_: reach("validator"))

    def remarks(self, target, kind):
        reach("remarks")
        return ()

    @property
    def precisions(self):
        reach("precisions")
        return ()


@hookimpl
def capabilities(target, model):
    reach("general" if model is None else "model")
    return attrs.evolve(answer(target, model), options=Options)


@hookimpl
def convert(model):
    reach("convert")
    return zif.Converted("onnx", model, model.inputs, model.outputs)


@hookimpl
def compile(converted):
    reach("compile")
    content = converted.data.proto.SerializeToString()
    return zif.Compiled("onnx", {{"m.onnx": content}}, "m.onnx", converted.inputs, converted.outputs)


@hookimpl
def load(compiled):
    reach("load")
    return Evil(compiled)


class Evil(Run):
    @property
    def notes(self):
        reach("notes")
        return ()

    def run(self, inputs):
        reach("run")
        return super().run(inputs)

    def profile(self):
        reach("profile")
        return {{}}

    def unit_times(self, inputs, runs):
        reach("unit_times")
        return {{}}

    def close(self):
        reach("close")

    def __del__(self):
        reach("del")
"""
EXIT, INTERRUPT, MEMORY = "import sys; sys.exit(0)", "raise KeyboardInterrupt", "raise MemoryError"
FAILING = [
    *((at, EXIT) for at in ("import", "general", "model", "convert", "compile", "load", "notes", "run")),
    *((at, EXIT) for at in ("validator", "remarks", "precisions", "profile", "unit_times")),
    *((at, INTERRUPT) for at in ("import", "model", "compile", "load", "run", "unit_times")),
    *((at, MEMORY) for at in ("import", "model", "load", "run")),
]


def used(site: Site, folder: Path, at: str, how: str, *more: str) -> Result:
    site.add("evil", EVIL.format(at=at, how=how, good=GOOD))
    model = classifier(folder / "net.onnx")
    command = ["profile", "--runs", "2", "--warmup", "0"] if at in ("profile", "unit_times") else ["run"]
    return site.zif(*command, model, "--random", "0", "--json", *more)


@pytest.mark.parametrize(("at", "how"), FAILING)
def test_what_a_plugin_does_to_the_process_is_an_error_that_names_it(
    site: Site, tmp_path: Path, at: str, how: str
) -> None:
    result = used(site, tmp_path, at, how, "--only", "evil")
    assert result.code in (1, 3)
    assert result.json["schema"] == "zif.error/1"
    for word in ("evil", {EXIT: "SystemExit: 0", INTERRUPT: "KeyboardInterrupt", MEMORY: "MemoryError"}[how]):
        assert word in result.json["message"]
    for word in ("Traceback", "bug in zif"):
        assert word not in result.err


@pytest.mark.parametrize("how", [EXIT, INTERRUPT, "raise RuntimeError('boom')"])
def test_a_close_that_fails_is_an_event_beside_the_outputs(site: Site, tmp_path: Path, how: str) -> None:
    result = used(site, tmp_path, "close", how)
    assert result.code == 0
    assert "y" in result.json["outputs"]
    (event,) = result.json["events"]
    assert (event["kind"], event["backend"]) == ("close", "evil")
    assert "(fake-evil 1.0)" in event["text"]


@pytest.mark.parametrize("how", [EXIT, INTERRUPT])
def test_the_end_of_an_object_changes_no_exit_code(site: Site, tmp_path: Path, how: str) -> None:
    result = used(site, tmp_path, "del", how)
    assert result.code == 0
    assert "y" in result.json["outputs"]


@pytest.mark.parametrize("at", ["model", "load", "run", "close"])
@pytest.mark.parametrize("how", [EXIT, INTERRUPT, "import os; os._exit(0)"])
def test_in_a_worker_it_is_no_other(site: Site, tmp_path: Path, at: str, how: str) -> None:
    result = used(site, tmp_path, at, how, "--only", "evil", "--isolate")
    tried = "os._exit" in how  # it did so when it was tried, too, and takes no part
    assert result.code == (1 if tried or at == "model" else 0 if at == "close" else 3)
    text = json.dumps(result.json)
    assert "'evil' (fake-evil 1.0)" in text
    assert "Traceback" not in result.err


def test_who_failed_when_asked_is_a_line_of_every_command(site: Site, tmp_path: Path) -> None:
    site.add("good")
    site.add("raises", CAPABILITIES_RAISES)
    site.add("gone", IMPORT_RAISES)
    site.add("exits", IMPORT_EXITS)
    model = classifier(tmp_path / "net.onnx")
    fed = [model, "--random", "0"]
    commands: list[list[str | Path]] = [
        ["run", *fed],
        ["profile", *fed, "--runs", "1", "--warmup", "0"],
        ["compile", model, "-o", tmp_path / "net.zif"],
        ["plan", model],
    ]
    for command in commands:
        text = site.zif(*command).out
        for name, words in (("raises", "'soc'"), ("gone", "no luck today"), ("exits", "SystemExit: gone")):
            (line,) = (line for line in text.splitlines() if f"(fake-{name} 1.0)" in line)
            assert words in line
    for command in commands[:2]:
        events = site.zif(*command, "--json").json["events"]
        assert {(one["kind"], one["backend"]) for one in events} == {("failed", n) for n in ("raises", "gone", "exits")}
    codes = {one["name"]: one["code"] for one in site.zif("plan", model, "--json").json["candidates"]}
    assert codes == {"good": "ok", "raises": "failed", "gone": "failed", "exits": "failed"}


def test_who_is_asked_for_by_name_and_failed_is_why_nobody_runs_it(site: Site, tmp_path: Path) -> None:
    site.add("gone", IMPORT_RAISES)
    result = site.zif("run", classifier(tmp_path / "net.onnx"), "--random", "0", "--only", "gone")
    assert result.code == 1
    assert "'gone' (fake-gone 1.0) cannot be imported: RuntimeError: no luck today" in result.err


@pytest.mark.parametrize("how", ["import sys; sys.exit(0)", "raise KeyboardInterrupt"])
def test_whoever_calls_for_the_end_never_decides_on_the_exit_code(site: Site, tmp_path: Path, how: str) -> None:
    """Where nothing else stands around it: here in the number of a judge of `zif eval`, as a library of its may do."""
    site.add("good")
    (tmp_path / "judge.py").write_text(f"def judge(session):\n    {how}\n")
    command = ["eval", classifier(tmp_path / "net.onnx"), "--eval", f"{tmp_path / 'judge.py'}:judge", "--json"]
    result = site.zif(*command)
    assert result.code != 0
    assert result.json["schema"] == "zif.error/1"
    assert "Traceback" not in result.err


@pytest.mark.parametrize("command", ["compile", "verify", "culprit"])
@pytest.mark.parametrize("at", ["run", "close"])
@pytest.mark.parametrize("how", [EXIT, INTERRUPT])
def test_what_is_verified_cannot_end_it_either(site: Site, tmp_path: Path, command: str, at: str, how: str) -> None:
    site.add("evil", EVIL.format(at=at, how=how, good=GOOD))
    path = os.pathsep.join((str(site.folder), *filter(None, [os.environ.get("PYTHONPATH")])))
    environment = {**os.environ, "PYTHONPATH": path, "ZIF_CACHE": "off", "ZIF_DATA": str(tmp_path / "data")}
    words = [command, str(classifier(tmp_path / "net.onnx")), "--only", "evil", "--json"]
    words += ["-o", str(tmp_path / "net.zif")] if command == "compile" else []
    done = subprocess.run([sys.executable, "-m", "zif", *words], env=environment, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert done.stdout, done.stderr  # an answer or an error, never an end without a word
    document = json.loads(done.stdout)
    assert done.returncode != 0 or document["schema"] != "zif.error/1"
    assert done.returncode not in (130, 143)
