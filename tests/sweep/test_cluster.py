"""The same cells on Dask: the same table, whoever dies meanwhile, and nobody joins who has another zif."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from fakes import COMPILING, Site
from sweeping import remake, settled, table

pytestmark = pytest.mark.needs("distributed")

Swept = Callable[..., tuple[int, Any, str]]
WORDS = ("models", "-t", "snapdragon-8-gen-3,snapdragon-8-elite", "--stage", "plan,compile")
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


def test_two_workers_make_the_same_table_and_the_second_run_does_nothing(swept: Swept, room: Path) -> None:
    assert swept(*WORDS, "-o", "serial.jsonl")[0] == 0
    code, told, err = swept(*WORDS, "-o", "two.jsonl", "--jobs", "2")
    assert (code, err) == (0, "")
    assert settled(room / "two.jsonl") == settled(room / "serial.jsonl")
    assert len({row["worker"] for row in told["rows"]}) == 2
    assert swept(*WORDS, "-o", "two.jsonl", "--jobs", "2")[1]["done"] == 0


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing_but_its_cell_once_more(site: Site, swept: Swept, room: Path) -> None:
    remake(site, SLOW)
    swept(*WORDS, "-o", "serial.jsonl")
    command = [sys.executable, "-S", "-m", "zif", "sweep", *WORDS, "-o", "two.jsonl", "--jobs", "2"]
    environment = site.environment(ZIF_CACHE=str(room / "cache"))
    process = subprocess.Popen(command, cwd=room, env=environment, stderr=subprocess.PIPE, text=True)
    until(lambda: (room / "two.jsonl").exists() and (room / "two.jsonl").read_bytes().count(b"\n") > 0, process)
    worker = int(table(room / "two.jsonl")[0]["worker"].rpartition(":")[2])
    os.kill(worker, signal.SIGKILL)
    assert process.wait() == 0, process.stderr.read() if process.stderr else ""
    assert settled(room / "two.jsonl") == settled(room / "serial.jsonl")


@pytest.mark.slow
def test_a_cell_that_kills_workers_fails_alone(site: Site, swept: Swept, room: Path) -> None:
    """Not a backend in its worker but Dask's own worker: by a function of the user's that ends its process."""
    (room / "judge.py").write_text(
        "import os\n\ndef judge(session):\n    if len(session.plan.units) == 3:\n        os._exit(9)\n    return 1.0\n"
    )
    words = ("models", "-t", "host", "--stage", "eval judge.py:judge", "-o", "t.jsonl", "--jobs", "2")
    code, told, _ = swept(*words)
    states = {row["model"]: (row["state"], row["attempts"], row["accuracy"]) for row in told["rows"]}
    assert states == {"one": ("ok", 1, 1.0), "two": ("failed", 2, None)}
    assert code == 1
    (reason,) = [row["reason"] for row in told["rows"] if row["state"] == "failed"]
    assert "its process ended by exit code 9, also by itself" in reason
    assert swept(*words)[1]["done"] == 0


@contextmanager
def dask(site: Site, room: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`dask scheduler` or `dask worker`, in the interpreter of a site."""
    command = [sys.executable, "-S", "-m", "distributed.cli." + words[0], *words[1:]]
    environment = site.environment(ZIF_CACHE=str(room / "cache"))
    process = subprocess.Popen(command, cwd=room, env=environment, stderr=subprocess.PIPE, text=True)
    drained = threading.Thread(target=lambda: [None for _ in process.stderr or ()], daemon=True)
    drained.start()
    try:
        yield process
    finally:
        for one in (*psutil.Process(process.pid).children(recursive=True), process) if process.poll() is None else ():
            one.kill()
        process.wait()


@pytest.fixture
def scheduler(site: Site, room: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    file = room.parent / "scheduler.json"
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    with dask(site, room, "dask_scheduler", *words) as process:
        until(lambda: file.exists() and file.stat().st_size > 0, process)
        import json

        yield json.loads(file.read_text())["address"], process


@pytest.mark.slow
def test_a_worker_with_other_plugins_is_refused_by_name(
    site: Site, swept: Swept, room: Path, scheduler: Any, tmp_path: Path
) -> None:
    address, _ = scheduler
    other = Site(tmp_path / "other")
    for path in site.folder.iterdir():
        if path.name != "home" and not path.name.startswith("fake_good"):
            (other.folder / path.name).symlink_to(path)
    other.add("good", COMPILING, version="2.0")
    with ExitStack() as stack:
        stack.enter_context(dask(other, room, "dask_worker", address, "--nthreads", "1", "--no-dashboard"))
        code, _, err = swept(*WORDS, "-o", "t.jsonl", "--cluster", address)
        assert code == 2
        assert "fake-good is 2.0 there, 1.0 here" in err
        assert "tcp://127.0.0.1" in err
        assert not (room / "t.jsonl").exists()
        stack.enter_context(dask(site, room, "dask_worker", address, "--nthreads", "1", "--no-dashboard"))
        until(lambda: swept(*WORDS, "-o", "t.jsonl", "--cluster", address)[0] == 0)
        assert len({row["worker"] for row in table(room / "t.jsonl")}) == 1
    assert len(table(room / "t.jsonl")) == 8


@pytest.mark.slow
def test_a_scheduler_that_goes_away_is_one_sentence_and_what_is_finished_stays(
    site: Site, swept: Swept, room: Path, scheduler: Any
) -> None:
    remake(site, SLOW)
    address, process = scheduler
    command = [sys.executable, "-S", "-m", "zif", "sweep", *WORDS, "-o", "t.jsonl", "--cluster", address]
    with dask(site, room, "dask_worker", address, "--nthreads", "1", "--no-dashboard"):
        client = subprocess.Popen(command, cwd=room, env=site.environment(), stderr=subprocess.PIPE, text=True)
        until(lambda: (room / "t.jsonl").exists() and (room / "t.jsonl").read_bytes().count(b"\n") > 1, client)
        process.kill()
        _, err = client.communicate()
    assert client.returncode == 1, err
    assert err.count("\n") == 1, err
    assert f"the scheduler {address} went away" in err
    rows = table(room / "t.jsonl")
    assert 2 <= len(rows) < 8
    code, told, _ = swept(*WORDS, "-o", "t.jsonl")
    assert (code, told["done"]) == (0, 8 - len(rows))


def test_a_scheduler_that_is_not_there_is_one_sentence(site: Site, room: Path) -> None:
    done = site.zif("sweep", *WORDS, "-o", "t.jsonl", "--cluster", "tcp://127.0.0.1:9", cwd=room)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert "no scheduler answers at tcp://127.0.0.1:9" in done.err


def test_without_dask_zif_says_what_to_install(site: Site, room: Path) -> None:
    (site.folder / "distributed.py").write_text("raise ImportError('not here')\n")
    done = site.zif("sweep", *WORDS, "--jobs", "2", cwd=room)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert "run on Dask distributed: pip install" in done.err


def until(true: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait for something, while a process runs."""
    while not true():
        assert process is None or process.poll() is None, process.stderr.read() if process and process.stderr else ""
        time.sleep(0.1)
