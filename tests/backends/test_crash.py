"""A worker that dies, hangs, is killed or interrupted: a typed error that says what happened, and the host goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import zif
from zif import BackendBroken, BackendCrashed, StageFailed, UsageError
from zif.backends.isolation import Limits
from zif.backends.isolation import pool as workers
from zif.backends.isolation.service import of_backend

X = {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}


def same(answer, x=X):
    np.testing.assert_array_equal(answer["x"], x["x"])


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL", "SIGILL"])
def test_death_by_signal_is_named_with_the_backend_and_the_stage(wild, name):
    with pytest.raises(BackendCrashed) as caught:
        wild.load(f"die {name}").run(X)
    for word in ("'wild'", "wild-dist 1.2.3", name, "execute", "last words"):
        assert word in str(caught.value)
    assert "last words" in caught.value.log
    assert caught.value.exit_code == 3


def test_the_log_of_a_segmentation_fault_has_the_python_stack(wild):
    with pytest.raises(BackendCrashed) as caught:
        wild.load("die SIGSEGV").run(X)
    assert "in die" in caught.value.log


def test_ending_by_itself_is_a_crash_with_its_status(wild):
    with pytest.raises(BackendCrashed, match="ended by itself with status 5"):
        wild.load("leave 5").run(X)


def test_sys_exit_in_a_plugin_is_a_crash_with_its_status(wild):
    with pytest.raises(BackendCrashed, match="status 7"):
        wild.load("fail exit").run(X)


@pytest.mark.parametrize("stage", ["compile", "load"])
def test_a_crash_in_another_stage_names_it(wild, stage):
    with pytest.raises(BackendCrashed, match=rf"SIGSEGV.* in {stage}"):
        wild.load("echo", **{stage: "die SIGSEGV"})
    same(wild.load("echo").run(X))


class Words(str):
    """What the wild backend takes for a model: it does what it says."""

    digest = stamp = "words"

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return str, (str(self),)


def test_a_crash_in_capabilities_names_it(wild):
    with pytest.raises(BackendCrashed, match=r"in capabilities"):
        wild.backend.capabilities(zif.Target("host"), Words("die SIGSEGV"))


def test_a_new_worker_takes_over_and_loads_what_the_dead_one_had(wild):
    innocent, guilty = wild.load("echo"), wild.load("die SIGSEGV")
    same(innocent.run(X))
    before = wild.pid
    with pytest.raises(BackendCrashed):
        guilty.run(X)
    same(innocent.run(X))
    assert wild.pid != before
    with pytest.raises(BackendCrashed):
        guilty.run(X)
    same(innocent.run(X))


def test_a_segment_that_died_once_runs_again(wild, tmp_path):
    executable = wild.load(f"once {tmp_path / 'mark'}")
    with pytest.raises(BackendCrashed):
        executable.run(X)
    same(executable.run(X))


def test_a_segment_that_cannot_be_loaded_again_is_never_taken_for_another(wild, tmp_path):
    """Numbers of loaded segments start anew in a new worker."""
    victim = wild.load("add", load=f"unless {tmp_path / 'mark'}")
    os.kill(wild.pid, signal.SIGKILL)
    (tmp_path / "mark").touch()
    while victim._home.place[0].alive:
        time.sleep(0.01)
    with pytest.raises(StageFailed, match="failed in load: there is a mark"):
        victim.run(X)
    same(wild.load("echo").run(X))
    with pytest.raises(StageFailed, match="failed in load: there is a mark"):
        victim.run(X)
    (tmp_path / "mark").unlink()
    same(victim.run(X), {"x": X["x"] + 1})


def test_kill_9_in_the_middle_of_a_run(wild, tmp_path):
    mark = tmp_path / "pid"
    executable = wild.load(f"touch {mark}")
    killer = threading.Thread(target=lambda: os.kill(int(wait_for(mark)), signal.SIGKILL))
    killer.start()
    with pytest.raises(BackendCrashed, match=r"SIGKILL.*out of memory, or ended by somebody"):
        executable.run(X)
    killer.join()
    same(wild.load("echo").run(X))


def test_kill_9_between_runs_is_made_good(wild):
    executable = wild.load("echo")
    same(executable.run(X))
    process = psutil.Process(wild.pid)
    process.kill()
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    while len(list(Path(f"/proc/{process.pid}/task").glob("*"))) > 1:  # the first thread can be dead before the others
        time.sleep(0.01)
    same(executable.run(X))


@pytest.mark.parametrize("what", ["spin", "grip {}", "sleep 3600"])
def test_a_deadline_ends_what_does_not_answer(make_wild, what, tmp_path):
    wild = make_wild(Limits(deadline_s=2.0))
    with pytest.raises(BackendCrashed, match="did not answer within 2 s"):
        wild.load(what.format(tmp_path / "pid")).run(X)
    same(wild.load("echo").run(X))


def test_a_worker_that_does_nothing_at_all_counts_as_hung(make_wild):
    wild = make_wild(Limits(silence_s=1.0))
    with pytest.raises(BackendCrashed, match="did nothing for 1 s, hung"):
        wild.load("sleep 3600").run(X)


def test_a_worker_that_is_stopped_counts_as_hung(make_wild, tmp_path):
    wild = make_wild(Limits(silence_s=1.0))
    executable = wild.load("spin")
    stopper = threading.Timer(0.3, lambda: os.kill(executable._home.place[0].pid, signal.SIGSTOP))
    stopper.start()
    with pytest.raises(BackendCrashed, match="hung"):
        executable.run(X)


def test_work_is_not_silence(make_wild):
    wild = make_wild(Limits(deadline_s=4.0, silence_s=0.5))
    with pytest.raises(BackendCrashed, match="did not answer within 4 s"):  # and not: hung
        wild.load("spin").run(X)


def test_a_value_error_is_a_failed_stage_with_its_origin(wild):
    executable = wild.load("fail value")
    with pytest.raises(StageFailed, match=r"'wild'.*failed in execute: bad value") as caught:
        executable.run(X)
    assert "ValueError" in str(caught.value.__cause__)
    assert "in fail" in str(caught.value.__cause__)
    same(wild.load("echo").run(X))


def test_an_error_in_compile_reads_as_it_does_in_process(wild):
    with pytest.raises(StageFailed, match=r"failed in compile: bad value"):
        wild.load("echo", compile="fail value")


def test_typed_errors_come_through_whole(wild):
    with pytest.raises(zif.Unsupported) as caught:
        wild.load("fail unsupported").run(X)
    assert caught.value.obstacles == (zif.Obstacle("Conv_1", "Conv", "wild", "dtype", "no float64"),)


@pytest.mark.parametrize("kind", ["odd", "oddzif"])
def test_an_error_of_the_plugins_own_class_comes_as_text(wild, kind):
    with pytest.raises(StageFailed, match="odd"):
        wild.load(f"fail {kind}").run(X)


def test_an_answer_that_cannot_cross_is_an_error_and_the_worker_lives(wild):
    executable = wild.load("unpicklable")
    before = wild.pid
    with pytest.raises(StageFailed, match=r"execute.*cannot cross to another process: builtins.function"):
        executable.run(X)
    same(wild.load("echo").run(X))
    assert wild.pid == before


def test_an_argument_that_cannot_cross_is_an_error_and_the_worker_lives(wild):
    executable = wild.load("echo")
    before = wild.pid
    with pytest.raises(StageFailed, match="cannot cross to another process"):
        executable.run({"x": lambda: None})
    same(executable.run(X))
    assert wild.pid == before


def test_endless_recursion_in_a_plugin_is_an_error(wild):
    with pytest.raises(StageFailed, match="recursion"):
        wild.load("overflow").run(X)


def test_a_plugin_that_cannot_be_imported_there(make_wild):
    lost = of_backend(zif.Installed("lost", "lost-dist", "0", "nowhere"), zif.Target("host"))
    with pytest.raises(BackendBroken, match="No module named 'nowhere'"):
        workers.Worker(lost)


def test_a_closed_segment_says_so(wild):
    executable = wild.load("echo")
    executable.close()
    executable.close()
    with pytest.raises(UsageError, match="closed"):
        executable.run(X)


def wait_for(path: Path) -> str:
    while not path.exists() or not path.read_text():
        time.sleep(0.01)
    return path.read_text()


HOST = """
import sys
sys.path.insert(0, {here!r})
from backends.host import Wild
executable = Wild().load({what!r})
try:
    executable.run({{"x": 1}})
except KeyboardInterrupt:
    print("interrupted", flush=True)
    executable.close()
    sys.exit(130)
"""


def host(what: str, **options) -> subprocess.Popen[str]:
    code = textwrap.dedent(HOST).format(here=str(Path(__file__).parents[1]), what=what)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_ctrl_c_ends_host_and_worker_without_noise(tmp_path):
    mark = tmp_path / "pid"
    process = host(f"touch {mark}", start_new_session=True)
    worker = psutil.Process(int(wait_for(mark)))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    out, err = process.communicate()
    assert (out, err, process.returncode) == ("interrupted\n", "", 130)
    assert not worker.is_running()


@pytest.mark.parametrize("what", ["touch", "spin", "grip"])
def test_a_killed_host_takes_its_busy_worker_along(tmp_path, what):
    process = host(f"{what} {tmp_path / 'pid'}")
    worker = psutil.Process(int(wait_for(tmp_path / "pid")))
    process.kill()
    process.communicate()
    psutil.wait_procs([worker])
    assert not worker.is_running()
