"""How long somebody may take to answer: by what it does, whatever else the machine has to do."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import CAPABILITIES_SLEEPS, GOOD, Site
from small import classifier
from zif.backends.deadline import within
from zif.errors import BackendBroken
from zif.files.patience import Patience, Spent, of_process, of_thread


def end(spent: Iterable[Spent | None], busy: float | None = 10, idle: float | None = 10) -> tuple[str, int]:
    """How the patience with one that spends so comes to its end, and after how many steps of a second."""
    meter = iter(spent)
    watch = Patience(busy, idle, lambda: next(meter))
    for number in itertools.count(1):
        try:
            how = watch.over(1.0)
        except StopIteration:
            return "", number - 1
        if how:
            return how, number
    raise AssertionError


def test_who_works_has_so_much_processor_time() -> None:
    assert end(Spent(float(n)) for n in range(99)) == ("busy", 10)
    assert end((Spent(float(n)) for n in range(99)), busy=None) == ("", 98)


def test_who_does_nothing_has_as_much_of_that() -> None:
    assert end(Spent(3.0) for _ in range(99)) == ("idle", 10)
    assert end((Spent(3.0) for _ in range(99)), busy=None, idle=30) == ("idle", 30)
    assert end((Spent(0.0) for _ in range(99)), busy=None, idle=None) == ("", 98)


def test_who_sleeps_in_a_loop_does_nothing() -> None:
    assert end(Spent(0.005 * n) for n in range(99)) == ("idle", 10)


def test_who_waits_for_a_processor_loses_nothing_by_it() -> None:
    starved = (Spent(0.02 * n, 0.98 * n) for n in range(400))  # a load of 50
    assert end(starved) == ("", 399)
    assert end(Spent(0.0, 1.0 * n) for n in range(400)) == ("", 399)
    then_hung = [Spent(0.02 * n, 0.98 * n) for n in range(50)] + [Spent(1.0, 49.0)] * 50
    assert end(then_hung)[0] == "idle"
    assert 58 <= end(then_hung)[1] <= 61


def test_who_works_now_and_then_is_not_waited_for_without_an_end() -> None:
    how, steps = end(Spent(0.05 * n) for n in range(999))
    assert (how, steps) == ("long", 100)


def test_where_nobody_tells_the_clock_has_to_do() -> None:
    assert end(itertools.repeat(None, 99)) == ("idle", 10)


def test_a_stop_of_the_whole_process_counts_for_little() -> None:
    watch = Patience(10, 10, lambda: Spent(0.0))
    assert watch.over(3600.0) == ""


def test_a_call_has_its_seconds_of_work_however_late_the_clock_says_it_is() -> None:
    seconds = itertools.count(0, 3600)
    spent = iter([Spent(0.01 * n, 1.0 * n) for n in range(1000)])
    done = threading.Event()
    threading.Timer(0.5, done.set).start()
    answer = within(1.0, lambda: done.wait() and 5, "it", lambda _: lambda: next(spent), lambda: float(next(seconds)))
    assert answer == 5


@pytest.mark.parametrize(
    "call",
    [lambda: time.sleep(60), lambda: [time.sleep(0.02) for _ in range(3000)]],
    ids=["sleeps", "sleeps in a loop"],
)
def test_what_never_answers_is_left_behind(call: Callable[[], object]) -> None:
    with pytest.raises(BackendBroken, match=r"not answer within 0\.4 s, in which it did nothing; tell its author"):
        within(0.4, call, "it did not answer")


@contextmanager
def child_that_worked(seconds: float) -> Iterator[int]:
    """The number of a process that has used so much of a processor, and waits; at the end it ends."""
    code = f"import time\nwhile time.process_time() < {seconds}: pass\nprint(1, flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            yield child.pid
        finally:
            child.communicate(b"\n")


def test_what_children_did_before_counts_for_nobody() -> None:
    with child_that_worked(0.6), pytest.raises(BackendBroken, match="in which it did nothing"):
        within(0.4, lambda: time.sleep(60), "it did not answer")


def test_the_meters_see_work_and_that_of_children() -> None:
    ready, go = threading.Event(), threading.Event()

    def work() -> None:
        begin = time.thread_time()
        while time.thread_time() - begin < 0.2:
            pass
        ready.set()
        go.wait()

    thread = threading.Thread(target=work)
    thread.start()
    meter = of_thread(thread.native_id or 0)
    ready.wait()
    assert (meter() or Spent(0)).cpu >= 0.15
    with child_that_worked(0.3) as pid:
        meter()
        assert (meter() or Spent(0)).cpu >= 0.4
        assert (of_process(pid)() or Spent(0)).cpu >= 0.25
    assert (meter() or Spent(0)).cpu >= 0.4  # it is not forgotten when it has ended
    go.set()
    thread.join()


WORKS = (
    GOOD
    + """
import pathlib, time
general = lambda *asked, inner=capabilities: inner(*asked)

@hookimpl
def capabilities(target, model):
    pathlib.Path(__file__).with_name("begun").touch()
    begin = time.thread_time()
    while time.thread_time() - begin < SECONDS:
        pass
    return general(target, model)
"""
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def candidates(out: str) -> dict[str, str]:
    return {one["name"]: one["reason"] for one in json.loads(out)["candidates"]}


def test_a_backend_that_works_for_ever_is_broken(site: Site, tmp_path: Path) -> None:
    site.add("good")
    site.add("spins", WORKS, SECONDS=1e9)
    site.add("sleeps", CAPABILITIES_SLEEPS)
    done = site.zif("plan", classifier(tmp_path / "net.onnx"), "--json", ZIF_DEADLINE="0.6")
    assert done.code == 0
    reasons = candidates(done.out)
    for name in ("spins", "sleeps"):
        assert "did not answer within 0.6 s" in reasons[name]
        assert "ell its author" in reasons[name]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_a_backend_that_had_no_processor_takes_part(site: Site, tmp_path: Path) -> None:
    """Stopped for longer than its deadline while it was asked, as a machine that does other things would."""
    site.add("works", WORKS, SECONDS=0.5)
    model = classifier(tmp_path / "net.onnx")
    command = [sys.executable, "-S", "-m", "zif", "plan", str(model), "--json"]
    environment = site.environment(ZIF_DEADLINE="1")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not (site.folder / "begun").exists():
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(2.5)
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout is not None
        assert candidates(process.stdout.read()) == {"works": ""}
    assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="needs a system that tells who waits")
def test_a_backend_on_a_busy_machine_takes_part(site: Site, tmp_path: Path) -> None:
    site.add("works", WORKS, SECONDS=0.8)
    hogs = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3 * len(os.sched_getaffinity(0)))
    ]
    try:
        begin = time.monotonic()
        done = site.zif("plan", classifier(tmp_path / "net.onnx"), "--json", ZIF_DEADLINE="1")
        assert time.monotonic() - begin > 1  # by the clock it took longer than it may
        assert candidates(done.out) == {"works": ""}
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
