"""What goes through a worker comes out the same; nothing is left behind."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import zif
from backends.host import HOST, INFO, Wild
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from zif import SupportsProfile, Target
from zif.backends.isolation import Limits, channel, isolated
from zif.backends.isolation import pool as workers
from zif.backends.isolation.service import of_backend
from zif.records import SupportsBinding

DTYPES = [
    np.dtype(name) for name in ("float32", "float16", "float64", "int8", "uint16", "int64", "bool", "complex64", "U5")
]
ODD = [
    np.dtype(getattr(ml_dtypes, name))
    for name in ("bfloat16", "float8_e4m3fn", "int4", "uint4", "float4_e2m1fn")
    if hasattr(ml_dtypes, name)
]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)


@st.composite
def arrays(draw):
    dtype = draw(st.sampled_from(DTYPES + ODD))
    if dtype in ODD:
        array = np.asarray(draw(hnp.arrays(np.int8, SHAPES, elements=st.integers(0, 6)))).astype(dtype)
    else:
        array = draw(hnp.arrays(dtype, SHAPES))
    how = draw(st.sampled_from(["as is", "transposed", "strided", "fortran", "read-only"]))
    if how == "transposed":
        array = array.T
    elif how == "strided" and array.ndim:
        array = array[::-1]
    elif how == "fortran":
        array = np.asfortranarray(array)
    elif how == "read-only":
        array.flags.writeable = False
    return array


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes() if not a.dtype.hasobject else a.tolist() == b.tolist()
    elif isinstance(a, list):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    else:
        assert a == b


@pytest.fixture(scope="module")
def echo():
    executable = Wild(Limits(silence_s=600)).load("echo")  # a worker apart from those of the other tests
    yield executable
    executable.close()


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.text(max_size=3), arrays(), max_size=4))
def test_arrays_come_back_the_same_and_writable(echo, inputs):
    answer = echo.run(inputs)
    assert list(answer) == list(inputs)
    for name, array in inputs.items():
        assert_same(answer[name], np.asarray(array))
        assert answer[name].flags.writeable or not array.flags.writeable


@pytest.mark.parametrize("size", [0, 1, channel.INLINE_BYTES // 4 - 200, channel.INLINE_BYTES // 4, 1 << 20, 9_000_001])
def test_every_size_takes_the_right_way(echo, size):
    array = np.arange(size, dtype=np.float32)
    for _ in range(3):
        assert_same(echo.run({"x": array})["x"], array)


@pytest.mark.parametrize(
    "value",
    [
        np.array(["a", "ü" * 99], dtype=object),
        [np.ones(3), np.zeros((0, 2))],
        [],
        None,
        {"k": np.float32(1)},
        {1: 2.5},
        np.array(3.5),
        3,
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_that_are_no_plain_arrays(echo, value):
    assert_same(echo.run({"x": value})["x"], value)


def test_memory_mapped_inputs(echo, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(50_000.0))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert_same(echo.run({"x": mapped})["x"], np.arange(50_000.0))


@pytest.mark.parametrize("size", [10, 100_000])
def test_an_answer_is_never_written_to_again(wild, size):
    executable = wild.load("add")
    answers = [executable.run({"x": np.full(size, n, np.float32)})["x"] for n in range(20)]
    for n, answer in enumerate(answers):
        assert (answer == n + 1).all()


def test_inputs_are_left_alone(wild):
    x = np.ones(100_000, np.float32)
    answer = wild.load("echo").run({"x": x})["x"]
    answer[:] = 7
    assert (x == 1).all()


def test_sizes_that_jump_up_and_down(wild):
    executable = wild.load("add")
    for size in (10, 30_000_000, 10, 100_000, 8_000_000, 3, 20_000_000):
        answer = executable.run({"x": np.zeros(size, np.int8)})["x"]
        assert answer.shape == (size,)
        assert (answer == 1).all()


def test_without_memory_to_share_it_goes_over_the_socket(wild, monkeypatch):
    def no_memory(least):
        raise OSError(28, "No space left on device")

    executable = wild.load("add")
    monkeypatch.setattr(channel.Block, "create", no_memory)
    x = np.zeros(3_000_000, np.float32)
    assert (executable.run({"x": x})["x"] == 1).all()


def test_threads_take_turns_and_get_their_own_answers(wild):
    executable = wild.load("add")

    def work(n):
        x = np.full(20_000 + n, n, np.float32)
        return all((executable.run({"x": x})["x"] == n + 1).all() for _ in range(20))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(16)))


def test_segments_of_one_backend_and_target_share_a_worker_and_targets_do_not(wild):
    first, second = wild.load("where"), wild.load("where")
    other = isolated(wild.backend._inner, Target("another-chip"))
    third = other.load(
        other.compile(other.convert("where", Target("host"), wild.options), Target("host"), wild.options), wild.options
    )
    pids = [executable.run({})["pid"] for executable in (first, second, third)]
    assert pids[0] == pids[1] != pids[2]
    assert os.getpid() not in pids


def test_the_worker_finds_what_the_host_finds(wild, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/some/where")
    seen = wild.load("where").run({})
    assert seen["path"] == [os.path.abspath(path) for path in sys.path]
    assert seen["env"]["PYTHONPATH"] == "/some/where"


def test_relative_paths_mean_the_same_after_a_chdir(wild, tmp_path, monkeypatch):
    wild.load("where")
    monkeypatch.chdir(tmp_path)
    assert wild.load("where").run({})["cwd"] == str(tmp_path)


def test_what_libraries_print_stays_out_of_the_hosts_output(wild, capfd):
    executable = wild.load("noise")
    executable.run({})
    assert capfd.readouterr() == ("", "")
    log = wild_worker(executable).log()
    assert "# LIBNATIVE: from C" in log
    assert "from stderr" in log


def test_the_log_is_bounded_and_keeps_the_end(wild):
    executable = wild.load("noise 3000")
    executable.run({})
    worker = wild_worker(executable)
    assert os.fstat(worker._log.fileno()).st_size < 1 << 20
    assert worker.log().endswith("x" * 1023)


def test_optional_abilities_are_those_of_the_plugin(wild):
    plain, profiled = wild.load("echo"), wild.load("profile")
    assert not isinstance(plain, SupportsProfile)
    assert isinstance(profiled, SupportsProfile)
    assert profiled.profile() == {"part": 1.5}
    assert not isinstance(plain, SupportsBinding)


def test_observers_see_the_stages(wild):
    seen = []

    class Observer:
        @zif.hookimpl(wrapper=True)
        def compile(self, converted):
            seen.append(converted.data)
            return (yield)

    observer = Observer()
    zif.observe(observer)
    try:
        wild.load("echo")
    finally:
        zif.unobserve(observer)
    assert seen == ["echo"]


def test_closing_a_segment_frees_it_in_the_worker(wild):
    executable = wild.load("noisy")
    worker = wild_worker(executable)
    executable.close()
    assert "closed" in worker.log()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_copy_of_the_host_gets_a_worker_of_its_own_and_spares_its_parents(wild):
    executable = wild.load("where")
    ours = executable.run({})["pid"]
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            theirs = executable.run({})["pid"]
            workers.pool.close()
            executable.close()
            code = 0 if theirs != ours else 4
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert executable.run({})["pid"] == ours


def test_an_idle_worker_ends_and_a_used_one_does_not(wild):
    gc.collect()  # what other tests did not close
    executable = wild.load("echo")
    workers.pool.close_idle()
    assert wild_worker(executable).alive
    executable.close()
    workers.pool.close_idle()
    assert not wild_worker(executable).alive


def test_a_pool_that_has_ended_starts_no_worker_and_makes_no_folder():
    """What goes on in a thread while the interpreter ends would leave them behind."""
    pool = workers.Pool()
    slot = pool.slot(of_backend(INFO, HOST), Limits())
    folder, worker = pool.scratch(), slot.worker()
    pool.end()
    assert not worker.alive
    assert not folder.exists()
    with pytest.raises(zif.BackendUnavailable, match="this process ends"):
        slot.worker()
    assert pool.scratch() is None


def test_the_temporary_files_of_a_killed_worker_go_with_the_pool(wild):
    seen = wild.load("where").run({})["env"]
    scratch = Path(seen["TMPDIR"])
    (scratch / "left.bin").write_bytes(b"x")
    workers.pool.close()
    assert not scratch.exists()


def test_what_a_killed_host_left_is_deleted_a_day_later(wild, tmp_path, monkeypatch):
    monkeypatch.setattr(workers.tempfile, "tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    ages = {f"zif-workers-{dead.pid}-old": 2e5, f"zif-workers-{dead.pid}-new": 0, f"zif-workers-{os.getpid()}-x": 2e5}
    for name, age in {**ages, "zif-workers-odd": 2e5, "zif-workers-odd-name": 2e5}.items():
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    wild.load("echo")
    gone = {*ages, "zif-workers-odd", "zif-workers-odd-name"} - {*os.listdir(tmp_path)}
    assert gone == {f"zif-workers-{dead.pid}-old"}


#: What is left behind by each of fifty is fifty; a few threads of others may have begun meanwhile.
LEAK = 10


def resources():
    gc.collect()
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/dev/shm")), threading.active_count()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts file descriptors in /proc")
def test_nothing_leaks_over_fifty_runs_and_loads(wild):
    big = np.ones(100_000, np.float32)

    def cycle():
        executable = wild.load("add")
        executable.run({"x": big})
        executable.close()

    cycle()
    before, there = resources(), len(os.listdir(f"/proc/{wild.pid}/fd"))
    for _ in range(50):
        cycle()
    for _ in range(50):  # threads of others, who were here before, may still be ending or beginning
        if resources() == before:
            break
        time.sleep(0.1)
    assert resources()[:2] == before[:2]
    assert resources()[2] < before[2] + LEAK
    assert len(os.listdir(f"/proc/{wild.pid}/fd")) == there


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts file descriptors in /proc")
def test_nothing_leaks_over_fifty_workers(make_wild):
    big = np.ones(100_000, np.float32)

    def cycle(n):
        executable = make_wild().load("die SIGKILL" if n % 2 else "add")
        try:
            executable.run({"x": big})
        except zif.BackendCrashed:
            assert n % 2
        executable.close()
        workers.pool.close()

    cycle(0)
    before = resources()
    for n in range(50):
        cycle(n)
    for _ in range(50):  # threads of others, who were here before, may still be ending or beginning
        if resources() == before:
            break
        time.sleep(0.1)
    assert resources()[:2] == before[:2]
    assert resources()[2] < before[2] + LEAK


def test_a_segment_that_was_never_closed_is_unloaded_all_the_same(wild):
    executable, other = wild.load("noisy"), wild.load("echo")
    worker = wild_worker(executable)
    del executable
    gc.collect()
    assert "closed" not in worker.log()
    other.run({})
    assert "closed" in worker.log()


def wild_worker(executable):
    return executable._home.place[0]
