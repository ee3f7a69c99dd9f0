"""The real thing: Qualcomm's library in a worker, its artifacts damaged, its process killed in the middle of a run."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
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
from chips import changed
from onnx import TensorProto, helper, numpy_helper, save_model
from zif.artifacts.cache import default_cache
from zif.backends.isolation import pool as workers
from zif.backends.isolation.executable import RemoteExecutable

CHIP = "snapdragon-8-gen-3"


def available() -> bool:
    try:
        return zif.backend("qnn_htp").capabilities(zif.target(CHIP)).available
    except zif.ZifError:
        return False


pytestmark = [pytest.mark.slow, pytest.mark.skipif(not available(), reason="qnn_htp cannot run here")]


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("ZIF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ZIF_DATA", str(tmp_path / "data"))
    yield
    workers.pool.close()


@pytest.fixture
def model(tmp_path) -> Path:
    """Two convolutions, of so many channels that a run takes the emulator a while."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.05, (64, 3, 3, 3)), rng.normal(0, 0.05, (64, 64, 3, 3))]
    tensors = [numpy_helper.from_array(w.astype(np.float32), f"w{n}") for n, w in enumerate(weights)]
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("Conv", ["b", "w1"], ["y"], name="second", pads=[1, 1, 1, 1]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 64, 64])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64, 64, 64])
    graph = helper.make_graph(nodes, "net", [x], [y], tensors)
    path = tmp_path / "net.onnx"
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


X = {"x": np.random.default_rng(1).normal(size=(1, 3, 64, 64)).astype(np.float32)}


def session(source, **wishes):
    return zif.load(source, target=CHIP, only="qnn_htp" if Path(source).is_file() else None, **wishes)


def answer(source, **wishes):
    with session(source, **wishes) as loaded:
        return loaded.run(X)["y"], [event.text for event in loaded.events]


def close(one, other):
    cosine = np.vdot(one, other) / np.linalg.norm(one) / np.linalg.norm(other)
    return cosine > 0.999


def middle(path):
    """What segfaults the library: random bytes at 32 to 64 KB."""
    data = bytearray(path.read_bytes())
    data[32_000:64_000] = random.Random(0).randbytes(32_000)
    path.write_bytes(data)


DAMAGES = {
    "random in the middle": middle,
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_context_binary_in_the_cache_is_made_again(model, how):
    before, _ = answer(model)
    (entry,) = default_cache().entries()
    (binary,) = entry.folder.rglob("*.bin")
    DAMAGES[how](binary)
    after, told = answer(model)
    assert np.array_equal(before, after)
    assert any("damaged" in text for text in told)
    assert answer(model)[1] == []


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_context_binary_in_a_bundle_is_refused(model, tmp_path, how):
    folder = bundle(model, tmp_path / "b")
    (binary,) = folder.rglob("*.bin")
    DAMAGES[how](binary)
    with pytest.raises(zif.InvalidBundle, match=binary.name):
        session(folder)


def bundle(model, folder):
    zif.compile(model, folder, target=CHIP, only="qnn_htp")
    return folder


def test_a_bundle_runs_as_the_model_does_after_it_was_moved(model, tmp_path):
    right, _ = answer(model)
    shutil.move(bundle(model, tmp_path / "b"), tmp_path / "elsewhere")
    model.unlink()
    assert np.array_equal(answer(tmp_path / "elsewhere")[0], right)


def test_the_library_is_not_in_this_process(model):
    answer(model)
    with open("/proc/self/maps") as maps:
        assert "libQnnHtp" not in maps.read()


@contextlib.contextmanager
def killer(loaded):
    """Kills the worker of the first segment whenever it computes; one that dies between two runs is not missed."""
    done = threading.Event()

    def kill():
        while not done.is_set():
            executable = loaded.steps[0].executable
            if not isinstance(executable, RemoteExecutable):
                return  # moved elsewhere
            worker = executable._home.place[0]
            with contextlib.suppress(psutil.Error):
                spent = psutil.Process(worker.pid).cpu_times()[:2]
                while not done.is_set() and worker.alive and psutil.Process(worker.pid).cpu_times()[:2] == spent:
                    time.sleep(0.001)
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)
            while worker.alive:
                time.sleep(0.001)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def run_until(loaded, stop):
    while not stop():
        loaded.run(X)


def test_kill_9_in_the_middle_of_a_run(model):
    right, _ = answer(model)
    with session(model) as loaded:
        with killer(loaded), pytest.raises(zif.BackendCrashed, match=r"segment 0.*qnn_htp.*SIGKILL.*in execute"):
            run_until(loaded, lambda: False)
        assert np.array_equal(loaded.run(X)["y"], right)


def test_kill_9_moves_the_segment_when_the_host_allows_it(model):
    right, _ = answer(model)
    with zif.load(model, target=CHIP, on_fault="fallback", pin={"*": "qnn_htp"}) as loaded:
        with killer(loaded):
            run_until(loaded, lambda: loaded.events)
        assert "segment 0 moved from qnn_htp to" in loaded.events[0].text  # the killer may meet the next one, too
        assert close(loaded.run(X)["y"], right)


def test_two_processes_compile_the_same_at_once(model):
    code = """
    import sys
    sys.path[:0] = {path!r}
    from backends.test_isolated_htp import X, answer
    from pathlib import Path
    y, told = answer(Path({model!r}))
    print(float(y.sum()), told)
    """
    text = textwrap.dedent(code).format(path=sys.path, model=str(model))
    both = [subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outs = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert len({out.split()[0] for out in outs}) == 1
    assert len(default_cache().entries()) == 1


def test_swapped_context_binaries_in_a_bundle_are_noticed(model, tmp_path):
    folder = tmp_path / "b"
    zif.compile(model, folder, target=[CHIP, "snapdragon-8-elite"], only="qnn_htp")
    one, other = sorted(folder.rglob("*.bin"))
    contents = one.read_bytes(), other.read_bytes()
    one.write_bytes(contents[1])
    other.write_bytes(contents[0])
    with pytest.raises(zif.InvalidBundle, match=one.name):
        session(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_no_room_for_the_context_binary_is_said_and_moves_nothing(model, tmp_path):
    code = """
    import resource, sys, zif
    from pathlib import Path
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        zif.compile(Path({model!r}), {folder!r}, target={chip!r}, cache=False)
    except zif.BackendUnavailable as error:
        print(error)
    """
    folder = tmp_path / "b"
    text = textwrap.dedent(code).format(model=str(model), folder=str(folder), chip=CHIP)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert "free some space, or name another folder in TMPDIR" in done.stdout
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_while_qualcomms_compiler_works_leaves_nothing_and_poisons_nothing(model, tmp_path):
    scratch, folder = tmp_path / "scratch", tmp_path / "b"
    scratch.mkdir()
    command = [sys.executable, "-m", "zif", "compile", str(model), "-o", str(folder), "-t", CHIP, "--only", "qnn_htp"]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=environment, start_new_session=True, **pipes)
    while process.poll() is None and not list(scratch.rglob("zif-qnn-*/*")):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate()
    if process.returncode == 0:
        pytest.skip("it was done before the signal came")
    assert "Traceback" not in err
    assert not folder.exists()
    assert list(scratch.iterdir()) == []
    assert subprocess.run(command, env=environment, capture_output=True).returncode == 0
    session(folder).close()


def test_the_same_question_is_asked_once_in_a_process(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ResNet-50's weights are 100 MB: they go to the worker once, to hear what its compiler says of them."""
    from zif.backends.isolation import remote
    from zif.backends.isolation.worker import Limits
    from zif.model import Model

    asked: list[str] = []
    ask = remote._Proxy._ask
    monkeypatch.setattr(
        remote._Proxy, "_ask", lambda self, *args, **how: asked.append(args[0]) or ask(self, *args, **how)
    )
    target = zif.target(CHIP)
    backend = remote.IsolatedBackend(zif.backend("qnn_htp"), target, Limits())
    first = backend.capabilities(target, Model.load(model))
    assert first.verdicts
    assert backend.capabilities(target, Model.load(model)) is first
    assert asked == ["capabilities"]
    assert backend.capabilities(target, Model.load(model, {"x": [1, 3, 64, 64]})) is first, "the same model"
    other = changed(target, soc_model=69)
    assert backend.capabilities(other, Model.load(model)) is not first, "the same name, another chip"
    assert asked == ["capabilities"] * 2
