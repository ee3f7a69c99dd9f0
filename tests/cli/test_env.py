"""`zif env`: other environments, their backends beside zif's own, and what goes wrong in them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from environments import interpreter, taken_in
from fakes import COMPILING, GOOD, IMPORT_RAISES, Site
from small import classifier

#: Has a form and options of its own: what crosses from convert to compile is of a class that only the plugin has.
OWN_FORM = (
    GOOD
    + """
from typing import Literal
import attrs, sys


class Form:
    def __init__(self, content):
        self.content = content


@attrs.frozen
class Options:
    level: int = attrs.field(default=1, validator=attrs.validators.le(9), metadata={"help": "how much"})
    mode: Literal["a", "b"] | None = attrs.field(default=None, metadata={"help": "which"})

    @property
    def precisions(self):
        return ("fp16",) if self.mode == "a" else ()

    def remarks(self, target, kind):
        if self.level == 7:
            raise ValueError("level cannot be 7 here")
        return ("level 8 has no effect",) if self.level == 8 else ()


_answer = capabilities


@hookimpl
def capabilities(target, model):
    return attrs.evolve(_answer(target, model), options=Options)


@hookimpl
def convert(model, options):
    assert isinstance(options, Options), options
    return zif.Converted("form", Form(model.proto.SerializeToString()), model.inputs, model.outputs)


@hookimpl
def compile(converted, options):
    assert isinstance(converted.data, Form)
    notes = (f"level {options.level}, mode {options.mode}",)
    return zif.Compiled("form", {"m": converted.data.content}, "m", converted.inputs, converted.outputs, notes)
"""
)


@pytest.fixture
def other(tmp_path: Path) -> Site:
    """The plugins of another environment."""
    return Site(tmp_path / "other")


def test_a_backend_of_another_environment_stands_beside_those_of_this_one(site: Site, other: Site) -> None:
    site.add("here")
    other.add("there", COMPILING)
    taken_in(site, "vendor", other)
    rows = {one["name"]: one for one in site.zif("backends", "--json").json["backends"]}
    assert {name: one["environment"] for name, one in rows.items()} == {"here": "", "there": "vendor"}
    assert rows["there"]["available"]
    assert rows["there"]["stages"] == ["capabilities", "compile", "load"]
    assert "vendor" in site.zif("backends").out
    (row,) = site.zif("env", "ls", "--json").json["environments"]
    assert (row["name"], row["backends"], row["made"]) == ("vendor", ["there"], False)


def test_a_model_runs_over_both(site: Site, other: Site, tmp_path: Path) -> None:
    site.add("here", OPS=frozenset({"Relu"}))
    other.add("there", OWN_FORM, OPS=frozenset({"MatMul", "Softmax"}))
    taken_in(site, "vendor", other)
    model = classifier(tmp_path / "net.onnx")
    mixed = site.zif("run", model, "--random", "0", "--json")
    assert mixed.code == 0, mixed.err
    assert [one["backend"] for one in mixed.json["segments"]] == ["there", "here", "there"]
    site.add("all")
    assert mixed.json["outputs"] == site.zif("run", model, "--random", "0", "--json", "--only", "all").json["outputs"]


def test_a_bundle_runs_there_too(site: Site, other: Site, tmp_path: Path) -> None:
    other.add("there", COMPILING)
    taken_in(site, "vendor", other)
    model = classifier(tmp_path / "net.onnx")
    assert site.zif("compile", model, "-o", tmp_path / "net.zif").code == 0
    run = site.zif("run", tmp_path / "net.zif", "--random", "0", "--json")
    assert run.code == 0, run.err
    assert run.json["outputs"] == site.zif("run", model, "--random", "0", "--json").json["outputs"]


def test_options_are_checked_by_who_has_their_class(site: Site, other: Site, tmp_path: Path) -> None:
    other.add("there", OWN_FORM)
    taken_in(site, "vendor", other)
    model = classifier(tmp_path / "net.onnx")
    shown = site.zif("config", "show", "there").out
    assert "a|b or none" in shown
    assert "how much" in shown

    def run(**options: object) -> tuple[int, str]:
        (tmp_path / "c.json").write_text(json.dumps({"there": options}))
        done = site.zif("run", model, "--random", "0", "--json", "--config", tmp_path / "c.json")
        return done.code, done.out

    assert run(level=3)[0] == 0
    assert "level 8 has no effect" in run(level=8)[1]
    for options, words in (
        ({"level": 10}, "'level' must be <= 9"),
        ({"level": 7}, "level cannot be 7 here"),
        ({"mode": "c"}, "possible: a, b"),
        ({"levle": 1}, "Did you mean 'level'?"),
    ):
        code, out = run(**options)
        assert code == 2, out
        assert words in json.loads(out)["message"]


def test_what_it_says_goes_through_a_pickle(site: Site, other: Site, tmp_path: Path) -> None:
    """Its class of options is in no module here: here it is the same again, elsewhere one that checks as it does."""
    other.add("there", OWN_FORM)
    taken_in(site, "vendor", other)
    path = tmp_path / "told"
    said = site.python(f"""
import pickle, zif
from zif.targets import target
if __name__ == "__main__":
    told = zif.backend("there").capabilities(target("host"))
    content = pickle.dumps((told, told.options(level=3)))
    assert pickle.loads(content) == (told, told.options(level=3))
    open({str(path)!r}, "wb").write(content)
""")
    assert said.code == 0, said.err
    heard = site.python(f"""
import pickle
if __name__ == "__main__":
    told, options = pickle.load(open({str(path)!r}, "rb"))
    print(options.level, told.options(mode="a").precisions)
    try:
        told.options(level=10)
    except ValueError as error:
        print(error)
""")
    assert heard.out.split("\n")[0] == "3 ('fp16',)", heard.err
    assert "must be <= 9" in heard.out


def test_ones_own_backend_comes_first_and_that_is_said(site: Site, other: Site) -> None:
    site.add("both", version="1.0")
    other.add("both", version="2.0")
    python = interpreter(other, other.folder / "python")
    told = site.zif("env", "add", "vendor", "--python", python).out
    assert "both is not used from here: zif itself has one, too" in told
    (row,) = site.zif("backends", "--json").json["backends"]
    assert (row["version"], row["environment"]) == ("1.0", "")


def test_two_environments_with_one_backend_are_told_apart_by_neither(site: Site, other: Site, tmp_path: Path) -> None:
    other.add("same")
    taken_in(site, "one", other)
    taken_in(site, "two", other)
    rows = site.zif("backends", "--json").json["backends"]
    assert [row["available"] for row in rows] == [False, False]
    assert "more than one environment has a backend 'same'" in rows[0]["reason"]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (IMPORT_RAISES, "no luck today"),
        ("import os; os._exit(7)", "ended by itself with status 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "died of SIGSEGV"),
        pytest.param("while True: pass", "did not answer within 3 s", marks=pytest.mark.slow),
        ("import time; time.sleep(3600)", "did not answer within 3 s"),
    ],
)
def test_one_that_cannot_be_imported_there_is_a_row_with_its_reason(
    site: Site, other: Site, tmp_path: Path, how: str, words: str
) -> None:
    site.add("here")
    other.add("there", how)
    taken_in(site, "vendor", other)
    rows = {one["name"]: one for one in site.zif("backends", "--json", ZIF_DEADLINE="3").json["backends"]}
    assert rows["here"]["available"]
    assert "'there' (fake-there 1.0, environment 'vendor')" in rows["there"]["reason"]
    assert words in rows["there"]["reason"] or "was not imported or did not answer" in rows["there"]["reason"]
    run = site.zif("run", classifier(tmp_path / "net.onnx"), "--random", "0", ZIF_DEADLINE="3")
    assert run.code == 0
    assert "fake-there 1.0" in run.out
    seen = site.zif("env", "doctor", ZIF_DEADLINE="3")
    assert seen.code == 1
    assert "does not work" in seen.out


def test_zifs_that_speak_another_protocol_are_one_sentence(site: Site, other: Site, tmp_path: Path) -> None:
    other.add("there")
    python = taken_in(site, "vendor", other)
    newer = tmp_path / "newer"
    newer.mkdir()
    code = "import zif.backends.isolation.codec as codec; codec.PROTOCOL = 99"
    (newer / "sitecustomize.py").write_text(code)
    python.write_text(python.read_text().replace(" -S ", " ").replace('PYTHONPATH="', f'PYTHONPATH="{newer}:'))
    (row,) = site.zif("backends", "--json").json["backends"]
    assert "speaks protocol 99, and this one 1" in row["reason"]
    assert "environment 'vendor'" in row["reason"]
    assert "\n" not in row["reason"]
    assert "speaks protocol 99" in site.zif("env", "doctor").out
    refused = site.zif("env", "add", "again", "--python", python)
    assert refused.code == 2
    assert "speaks protocol 99" in refused.err


OLDER = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "zif.backends.isolation":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""


def test_a_zif_that_knows_of_no_environments_is_one_sentence(site: Site, other: Site, tmp_path: Path) -> None:
    """As one that was released before there were any: it has none of what the two talk through."""
    site.add("here")
    other.add("there")
    python = taken_in(site, "vendor", other)
    older = tmp_path / "older"
    older.mkdir()
    (older / "sitecustomize.py").write_text(OLDER)
    python.write_text(python.read_text().replace(" -S ", " ").replace('PYTHONPATH="', f'PYTHONPATH="{older}:'))
    rows = {one["name"]: one for one in site.zif("backends", "--json").json["backends"]}
    assert rows["here"]["available"]
    assert not rows["there"]["available"]
    assert "environment 'vendor'" in rows["there"]["reason"]
    assert "\n" not in rows["there"]["reason"]
    print(rows["there"]["reason"])
    seen = site.zif("env", "doctor")
    print(seen.out)
    assert seen.code == 1
    assert "ModuleNotFoundError" in seen.out
    assert "`zif env" in seen.out
    refused = site.zif("env", "add", "again", "--python", python)
    assert refused.code == 2
    assert "--install" in refused.err


def test_a_session_outlives_the_removal_of_its_environment(site: Site, other: Site, tmp_path: Path) -> None:
    other.add("there")
    taken_in(site, "vendor", other)
    code = f"""
    import os, signal, subprocess, sys, zif, numpy as np
    from zif.backends.isolation.pool import pool
    session = zif.load({str(classifier(tmp_path / "net.onnx"))!r}, only=["there"])
    info = session.plan.inputs[0]
    values = {{info.name: np.ones(info.shape, np.float32)}}
    session.run(values)
    subprocess.run([sys.executable, "-S", "-m", "zif", "env", "rm", "vendor"], check=True)
    print(len(session.run(values)))
    for pid in pool.living():
        os.kill(pid, signal.SIGKILL)
    try:
        session.run(values)
    except zif.ZifError as error:
        print(type(error).__name__, error)
    """
    done = site.python(code)
    assert done.code == 0, done.err
    assert done.out.splitlines()[1] == "1"
    assert "BackendCrashed segment 0: backend 'there' (fake-there 1.0, environment 'vendor')" in done.out


def test_what_is_no_interpreter_is_not_taken_in(site: Site, tmp_path: Path) -> None:
    talker = tmp_path / "talker"
    talker.write_text("#!/bin/sh\necho hello\n")
    talker.chmod(0o755)
    old = tmp_path / "old"
    old.write_text("""#!/bin/sh\necho '{"version": "3.8.10", "folders": []}'\n""")
    old.chmod(0o755)
    empty = tmp_path / "empty"
    empty.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    empty.chmod(0o755)
    for python, words in (
        (tmp_path / "nowhere", "is no file"),
        (tmp_path, "is no file"),
        (talker, "it said 'hello'"),
        (old, "is Python 3.8.10, and zif needs 3.11 or newer"),
        (empty, f"`zif env add npu --python {empty} --install` puts this one there"),
    ):
        done = site.zif("env", "add", "npu", "--python", python)
        assert done.code == 2, done.out
        assert words in done.err
    assert site.zif("env", "ls", "--json").json["environments"] == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", "a" * 41, "a b"])
def test_names_that_no_environment_can_have(site: Site, other: Site, name: str) -> None:
    done = site.zif("env", "add", "--python", interpreter(other, other.folder / "python"), "--", name)
    assert done.code == 2
    assert "no name for an environment" in done.err


def test_an_environment_that_was_taken_in_is_only_forgotten(site: Site, other: Site) -> None:
    other.add("there")
    python = taken_in(site, "vendor", other)
    twice = site.zif("env", "add", "vendor", "--python", python)
    assert (twice.code, "already" in twice.err) == (2, True)
    gone = site.zif("env", "rm", "vendor")
    assert "nothing in it was touched" in gone.out
    assert python.exists()
    assert site.zif("env", "ls", "--json").json["environments"] == []
    again = site.zif("env", "rm", "vendor")
    assert (again.code, "no environment 'vendor'" in again.err) == (2, True)


def test_what_lies_beside_it_and_is_not_zifs_stays(site: Site, other: Site) -> None:
    other.add("there")
    taken_in(site, "vendor", other)
    place = Path(site.environment()["XDG_DATA_HOME"], "zif", "environments", "vendor")
    (place / "mine.txt").write_text("notes")
    (place / "venv").mkdir()
    (place / "venv" / "mine.txt").write_text("notes")
    gone = site.zif("env", "rm", "vendor")
    assert gone.code == 0
    assert str(place / "mine.txt") in gone.err
    assert sorted(path.name for path in place.rglob("*.txt")) == ["mine.txt", "mine.txt"]


def test_a_record_that_cannot_be_read_is_told_and_takes_nothing_down(site: Site, other: Site) -> None:
    site.add("here")
    other.add("there")
    taken_in(site, "vendor", other)
    record = Path(site.environment()["XDG_DATA_HOME"], "zif", "environments", "vendor", "environment.json")
    record.write_text("{")
    assert [one["name"] for one in site.zif("backends", "--json").json["backends"]] == ["here"]
    assert "cannot be read" in site.zif("env", "ls").out
    assert site.zif("env", "doctor").code == 1
    assert site.zif("env", "rm", "vendor").code == 0


def test_an_interpreter_that_is_gone_is_a_row_with_its_reason(site: Site, other: Site) -> None:
    site.add("here")
    other.add("there")
    taken_in(site, "vendor", other).unlink()
    rows = {one["name"]: one for one in site.zif("backends", "--json").json["backends"]}
    assert rows["here"]["available"]
    assert "the interpreter of the environment 'vendor' is gone" in rows["there"]["reason"]
    seen = site.zif("env", "doctor")
    assert (seen.code, "is no file" in seen.out) == (1, True)


def test_what_cannot_be_installed_leaves_nothing(site: Site, tmp_path: Path) -> None:
    done = site.zif("env", "create", "npu", tmp_path / "no-such-wheel.whl")
    assert done.code in (2, 3)
    assert site.zif("env", "ls", "--json").json["environments"] == []
    place = Path(site.environment()["XDG_DATA_HOME"], "zif", "environments")
    assert [path.name for path in place.iterdir() if not path.name.startswith(".")] == []


PLUGIN = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "zif-small"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["zif>=0.1,<0.2"]
[project.entry-points."zif.backends"]
small = "zif_small"
[project.entry-points."zif.needs"]
small = "zif_small:needs.json"
"""


VERSIONS = """
def toolchain():
    import numpy, onnx, tabulate
    return " ".join(f"{one.__name__} {one.__version__}" for one in (numpy, onnx, tabulate))
"""


@pytest.mark.slow
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_one_command_makes_an_environment_with_what_the_plugin_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installer: str
) -> None:
    """The real thing, from an index: older libraries than this environment has, and one without what it asks for."""
    plugin = tmp_path / "zif-small"
    (plugin / "zif_small").mkdir(parents=True)
    (plugin / "pyproject.toml").write_text(PLUGIN)
    (plugin / "zif_small" / "__init__.py").write_text(VERSIONS + GOOD.replace('"fake 1.0"', "toolchain()"))
    needs = {
        "schema": "zif.needs/1",
        "requirements": ["numpy==1.26.4", "onnx==1.16.2", "protobuf<5"],
        "without_dependencies": ["tabulate==0.9.0"],
    }
    (plugin / "zif_small" / "needs.json").write_text(json.dumps(needs))
    monkeypatch.setenv("ZIF_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ZIF_INSTALLER", installer)

    def zif(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "zif", *map(str, words)], capture_output=True, text=True)

    made = zif("env", "create", "old", plugin)
    assert made.returncode == 0, made.stderr
    rows = {row["name"]: row for row in json.loads(zif("backends", "--json").stdout)["backends"]}
    assert rows["small"]["toolchain"] == "numpy 1.26.4 onnx 1.16.2 tabulate 0.9.0"
    assert rows["reference"]["environment"] == ""
    model = classifier(tmp_path / "net.onnx")
    runs = [zif("run", model, "--random", "0", "--json", "--only", name) for name in ("small", "reference")]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    first, second = (json.loads(run.stdout)["outputs"]["y"] for run in runs)
    assert first["shape"] == second["shape"]
    assert zif("env", "create", "old", plugin).returncode == 2
    (tmp_path / "data" / "environments" / "old" / "mine.txt").write_text("notes")
    gone = zif("env", "rm", "old")
    assert "mine.txt was not made by zif" in gone.stderr
    assert [path.name for path in (tmp_path / "data" / "environments" / "old").iterdir()] == ["mine.txt"]


CHIPS = """
{"schema": "zif.targets/1", "targets": [{"name": "tiny-npu", "title": "Tiny", "processors": {"npu":
{"macs_per_s": {"fp16": 1e12, "fp32": 1e12}, "bytes_per_s": 1e10, "source": "estimated"}}}]}
"""


def test_chips_of_another_environment_can_be_planned_for(site: Site, other: Site, tmp_path: Path) -> None:
    other.add("there", KIND="emulator")
    info = next(other.folder.glob("*.dist-info"))
    with (info / "entry_points.txt").open("a") as file:
        file.write("[zif.targets]\nthere = there_chips:chips.json\n")
    (other.folder / "there_chips").mkdir()
    (other.folder / "there_chips" / "chips.json").write_text(CHIPS)
    taken_in(site, "vendor", other)
    assert "tiny-npu" in site.zif("targets").out
    plan = site.zif("plan", classifier(tmp_path / "net.onnx"), "-t", "tiny-npu", "--json")
    assert plan.code == 0, plan.err
    assert [one["backend"] for one in plan.json["segments"]] == ["there"]


CHECKS = """
from zif.plugin import Check

def checks():
    return [Check("their engine", "broken", "no driver", "install one")]
"""


def test_what_its_engines_are_made_of_shows_in_doctor(site: Site, other: Site) -> None:
    site.add("here")
    other.add("there")
    info = next(other.folder.glob("*.dist-info"))
    with (info / "entry_points.txt").open("a") as file:
        file.write("[zif.checks]\nthere = there_checks:checks\n")
    (other.folder / "there_checks.py").write_text(CHECKS)
    taken_in(site, "vendor", other)
    seen = site.zif("doctor", "--json").json
    (check,) = seen["checks"]
    assert (check["name"], check["state"], check["distribution"]) == ("their engine", "broken", "fake-there (vendor)")
    assert {"problem": "their engine: no driver", "fix": "install one"} in seen["problems"]
