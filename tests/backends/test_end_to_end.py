"""A backend that asks for a worker and dies in it, seen by who uses zif: the host lives, and is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes import GOOD, Site
from small import classifier

ISOLATED = GOOD.replace("toolchain=", "isolate=True, toolchain=")
TELLS_ITS_PROCESS = """
def tell(self, inputs):
    import numpy, os
    return {"y": numpy.full((1, 3), os.getpid(), numpy.float32)}


Run.run = tell
"""
DIES_IN_RUN = """
def die(self, inputs):
    import os
    os.kill(os.getpid(), 11)


Run.run = die
"""
DIES_IN_LOAD = """
@hookimpl
def load(compiled):
    import os
    os.kill(os.getpid(), 11)
"""
DIES_IN_COMPILE = """
@hookimpl
def compile(converted):
    import os
    os.kill(os.getpid(), 11)
"""
WAITS_IN_COMPILE = """
@hookimpl
def compile(converted):
    import os, pathlib, time
    pathlib.Path(MARK).write_text(str(os.getpid()))
    time.sleep(3600)
"""


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site")


@pytest.fixture
def model(tmp_path):
    return classifier(tmp_path / "net.onnx")


def load(model: Path, **wishes: object) -> str:
    words = "".join(f", {key}={value!r}" for key, value in wishes.items())
    return f"""
    import numpy as np, os, zif
    def show():
        session = zif.load({str(model)!r}{words})
        y = session.run({{"x": np.ones((1, 4), np.float32)}})["y"]
        print(y.shape, [segment.backend for segment in session.plan.segments])
        for event in session.events:
            print(event.kind, event.backend, event.text)
        session.close()
    try:
        show()
    except zif.ZifError as error:
        print(type(error).__name__, error)
    """


def test_an_isolated_backend_runs_elsewhere_and_is_right(site, model):
    site.add("quiet", ISOLATED + TELLS_ITS_PROCESS)
    code = load(model).replace("y.shape", "0 < y[0, 0] != os.getpid()")
    assert site.python(code).out.startswith("True ['quiet']")


def test_the_command_line_survives_a_crash_and_names_everything(site, model):
    site.add("wild", ISOLATED + DIES_IN_RUN)
    result = site.zif("run", model, "--random", "0")
    assert result.code == 3
    assert result.out == ""
    for word in ("segment 0", "'wild'", "SIGSEGV", "--exclude wild"):
        assert word in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("flag", ["", "--isolate"])
def test_who_does_not_ask_for_it_is_tried_before_it_runs_in_the_host(site, model, flag):
    site.add("wild", GOOD + DIES_IN_RUN)
    result = site.zif(*f"run {model} --random 0 {flag}".split())
    assert (result.code, "SIGSEGV" in result.err) == (1, True)
    asked = site.zif(*f"run {model} --random 0 {flag}".split(), ZIF_IN_PROCESS="wild")
    assert (asked.code, "SIGSEGV" in asked.err) == ((3, True) if flag else (-signal.SIGSEGV, False))


def test_isolated_on_request_in_python_and_from_a_bundle(site, model, tmp_path):
    site.add("quiet", GOOD + TELLS_ITS_PROCESS)
    for isolate in (True, False):
        code = load(model, isolate=isolate).replace("y.shape", "y[0, 0] != os.getpid()")
        assert site.python(code).out.startswith(str(isolate))
    bundle = tmp_path / "net.zif"
    assert site.zif("compile", model, "-o", bundle, "--isolate").code == 0
    code = load(bundle, isolate=True).replace("y.shape", "y[0, 0] != os.getpid()")
    assert site.python(code).out.startswith("True")


def test_a_crash_in_a_run_moves_the_segment_and_is_told(site, model):
    site.add("wild", ISOLATED + DIES_IN_RUN, COST=1.0)
    site.add("calm")
    result = site.python(load(model, on_fault="fallback"))
    assert "(1, 3) ['calm']" in result.out
    assert "fallback wild segment 0 moved from wild to calm" in result.out
    assert "SIGSEGV" in result.out
    assert "BackendCrashed segment 0" in site.python(load(model)).out


def test_a_crash_in_compile_plans_again_and_is_told(site, model):
    site.add("wild", ISOLATED + DIES_IN_COMPILE, COST=1.0)
    site.add("calm")
    result = site.python(load(model))
    assert "(1, 3) ['calm']" in result.out
    assert "replan wild" in result.out


def test_a_crash_in_load_is_an_error_of_its_own(site, model):
    site.add("wild", ISOLATED + DIES_IN_LOAD)
    assert "BackendCrashed backend 'wild'" in site.python(load(model)).out


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_during_compile_ends_at_once_and_leaves_nothing(site, model, tmp_path):
    mark = tmp_path / "pid"
    site.add("slow", ISOLATED + WAITS_IN_COMPILE, MARK=str(mark))
    command = [sys.executable, "-S", "-m", "zif", "run", model, "--random", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=site.environment(), start_new_session=True, **pipes)
    while process.poll() is None and (not mark.exists() or not mark.read_text()):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate()
    assert "Traceback" not in err
    assert out == ""
    assert process.returncode not in (0, 1)
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)
    cache = site.folder / "home" / "cache" / "zif" / "artifacts"
    assert not cache.exists() or not os.listdir(cache)


FAILS_IN_RUN = """
def failing(self, inputs):
    raise RuntimeError("no luck")

Run.run = failing
"""
FAILS_IN_LOAD = """
@hookimpl
def load():
    raise zif.BackendUnavailable("gone since it was planned")
"""


def test_two_backends_that_fail_do_not_hand_a_segment_to_and_fro(site, model):
    site.add("first", GOOD + FAILS_IN_RUN, COST=1.0)
    site.add("second", GOOD + FAILS_IN_RUN, COST=2.0)
    code = load(model, on_fault="fallback").replace("y = session", "show.session = session\n        y = session")
    result = site.python(code + "    print(len(show.session.events), 'events')\n")
    assert "StageFailed segment 0: backend 'second' (fake-second 1.0) failed to run: no luck" in result.out, result.err
    assert "\n1 events" in result.out


def test_a_backend_that_cannot_be_loaded_does_not_end_the_search_for_the_next(site, model):
    site.add("first", GOOD + FAILS_IN_RUN, COST=1.0)
    site.add("second", GOOD + FAILS_IN_LOAD, COST=2.0)
    site.add("third", COST=3.0)
    assert "moved from first to third" in site.python(load(model, on_fault="fallback")).out
