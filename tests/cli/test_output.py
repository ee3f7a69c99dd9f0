"""Output that does not arrive is no success: a full disk, a reader who has gone, a stream that is closed."""

from __future__ import annotations

import json
import os
import pkgutil
import resource
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import COMPILING, Site, _order
from small import classifier
from zif.cli import commands, streams
from zif.errors import NotWritten, UsageError
from zif.files.writing import refused

JUDGE = "def judge(session):\n    return 1.0\n"
#: Every command of core with arguments that make it say something.
COMMANDS = {
    "backends": "",
    "bench": "net.onnx --random 0 --seconds 0.01 --queries 3",
    "bundle": "inspect net.zif",
    "cache": "ls",
    "calibrate": "--list",
    "check": "good -k unknown_option",
    "compare": "net.onnx net.onnx --random 0",
    "compile": "net.onnx -o bundle.zif",
    "config": "show good",
    "doctor": "",
    "drift": "net.onnx --old here",
    "env": "ls",
    "export": "--list",
    "eval": "net.onnx --eval judge.py:judge",
    "new-backend": "my_npu",
    "plan": "net.onnx",
    "profile": "net.onnx --random 0 --runs 1 --warmup 0",
    "run": "net.onnx --random 0",
    "schema": "",
    "targets": "",
    "verdicts": "net.onnx --all",
    "version": "",
}
#: Those that need backends of the first party.
AT_HOME = (
    "verify net.onnx",
    "culprit net.onnx",
    "quantize net.onnx --random-calibration --method minmax --per-tensor -o q.onnx",
    "encodings show q.json",
    "sweep net.onnx -t host -o sweep.jsonl",
)
ENTRIES = {"activation_encodings": {"x": [{"bitwidth": 8, "max": 1.0, "min": 0.0, "offset": 0, "scale": 1 / 255}]}}
NEXT = "Next: free space, or name another place"
FULL = f"zif: error: the output cannot be written to stdout: No space left on device. {NEXT}\n"
LIMIT = 500

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


@pytest.fixture
def room(site: Site, tmp_path: Path) -> Path:
    site.add("good", COMPILING)
    classifier(tmp_path / "net.onnx")
    (tmp_path / "judge.py").write_text(JUDGE)
    site.zif("compile", "net.onnx", "-o", "net.zif", cwd=tmp_path)
    return tmp_path


def shell(site: Site, folder: Path, line: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A line of the shell, in which ZIF is the command line."""
    zif = f"{shlex.quote(sys.executable)} -S -m zif"
    environment = site.environment(**more)
    return subprocess.run(
        ["bash", "-c", line.replace("ZIF", zif)], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_every_command_is_tried() -> None:
    core = {module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__)}
    assert core - {"verify", "culprit", "convert"} == set(COMMANDS)  # convert: tests/runtime/frontends


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_behind_stdout_is_exit_code_1(site: Site, room: Path, command: str) -> None:
    code, err = forked(site, room, [command, *COMMANDS[command].split(), "--json"])
    assert code == 1, err
    assert err.endswith(FULL)
    assert "Traceback" not in err


@pytest.mark.parametrize("line", AT_HOME)
def test_so_it_is_with_the_plugins_that_are_installed(room: Path, line: str) -> None:
    (room / "q.json").write_text(json.dumps(ENTRIES | {"param_encodings": {}}))
    command = [sys.executable, "-m", "zif", *line.split(), "--json"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, cwd=room, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stderr.endswith(FULL)


def forked(site: Site, folder: Path, words: list[str]) -> tuple[int, str]:
    """Exit code and stderr of the command line with /dev/full for its stdout."""
    err = folder / "err"
    order = {"arguments": words, "environment": site.environment(), "path": str(site.folder), "folder": str(folder)}
    return _order(order | {"out": "/dev/full", "err": str(err)}), err.read_text()


@pytest.mark.parametrize(
    "line", ["plan net.onnx", "plan --help", "--help", "--version", "targets", "check good -k unknown_opt"]
)
def test_so_is_one_behind_tables_and_help(site: Site, room: Path, line: str) -> None:
    assert forked(site, room, line.split()) == (1, FULL)


@pytest.mark.parametrize("words", ["plan net.onnx", "plan net.onnx --json", "--help"])
def test_a_stdout_that_is_closed_is_said(site: Site, room: Path, words: str) -> None:
    done = shell(site, room, f"ZIF {words} >&-")
    assert done.returncode == 1
    assert done.stderr == f"zif: error: the output cannot be written to stdout: it is closed. {NEXT}\n"


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full", "2>&- <&-"])
def test_a_stderr_that_takes_nothing_changes_nothing(site: Site, room: Path, stderr: str) -> None:
    site.add("gone", "import sys; print('noise'); raise RuntimeError('no luck')")
    plan = shell(site, room, f"ZIF plan net.onnx --json {stderr}")
    assert plan.returncode == 0
    assert json.loads(plan.stdout)["schema"] == "zif.plan/1"
    wrong = shell(site, room, f"ZIF plan nowhere.onnx --json {stderr}")
    assert wrong.returncode == 2
    assert json.loads(wrong.stdout)["error"] == "UsageError"
    assert shell(site, room, f"ZIF plan nowhere.onnx >&- {stderr}").returncode == 2


@pytest.mark.parametrize("words", ["targets --json", "targets", "schema plan", "plan net.onnx --all-units"])
def test_a_reader_who_leaves_is_no_error_to_tell(site: Site, room: Path, words: str) -> None:
    done = shell(site, room, f"{{ sleep 1; ZIF {words}; }} | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (141, "")


def test_an_error_keeps_its_code_when_its_document_does_not_arrive(site: Site, room: Path) -> None:
    done = shell(site, room, "ZIF plan nowhere.onnx --json >/dev/full")
    assert done.returncode == 2
    assert done.stderr == "zif: error: nowhere.onnx does not exist. Check the path.\n"


FILES: list[tuple[str, str]] = [
    ("plan net.onnx --html out/plan.html", "out/plan.html"),
    ("plan net.onnx --overlay out/plan.onnx", "out/plan.onnx"),
    ("run net.onnx --random 0 -o out", "out/y.npy"),
    ("run net.onnx --random 0 -o out --raw", "out/y.raw"),
    ("compile net.onnx -o out/net.zif", "the bundle out/net.zif"),
    ("new-backend my_npu --into out", "out/zif-my-npu"),
]


@pytest.mark.parametrize(("words", "name"), FILES)
def test_a_file_that_is_not_whole_is_not_there(site: Site, room: Path, words: str, name: str) -> None:
    (room / "out").mkdir()
    if "run" in words:
        classifier(room / "net.onnx", batch=500)
    done = limited(site, room, words)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith(f"zif: error: {name} cannot be written: ")
    assert "File too large" in done.stderr or "only part of it went to the disk" in done.stderr
    assert list((room / "out").rglob("*")) == []


def limited(site: Site, folder: Path, words: str) -> subprocess.CompletedProcess[str]:
    """The command line where no file can grow over LIMIT bytes."""
    return subprocess.run(
        [sys.executable, "-S", "-m", "zif", *words.split()],
        cwd=folder,
        env=site.environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT)),
    )


@pytest.mark.parametrize(("number", "kind"), [(2, UsageError), (13, UsageError), (28, NotWritten), (5, NotWritten)])
def test_who_can_mend_it_decides_the_code(number: int, kind: type[Exception]) -> None:
    error = refused("it", OSError(number, os.strerror(number)), "Do something.")
    assert type(error) is kind
    assert str(error) == f"it cannot be written: {os.strerror(number)}. Do something."


def test_numpys_words_for_a_full_disk_are_read(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full, pytest.raises(OSError) as caught:
        np.zeros(100_000).tofile(full)
    assert type(refused("it", caught.value)) is NotWritten


def test_in_the_callers_own_process_its_streams_are_left_as_they_were(capfd: pytest.CaptureFixture[str]) -> None:
    from zif.cli import run

    before = sys.stdout, sys.stderr, len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    assert run(["version", "--json"]) == 0
    after = sys.stdout, sys.stderr, len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    assert before == after
    assert json.loads(capfd.readouterr().out)["schema"] == "zif.version/1"


def test_a_pipe_that_does_not_block_gets_the_whole_document(site: Site) -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    command = [sys.executable, "-S", "-m", "zif", "targets", "--json"]
    with subprocess.Popen(command, env=site.environment(), stdout=write, stderr=subprocess.PIPE) as process:
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            document = json.load(pipe)
    assert process.returncode == 0
    assert document["schema"] == "zif.targets/1"


def test_a_stream_of_the_callers_that_fails_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from zif.cli import run

    def full(_: str) -> int:
        raise OSError(28, "No space left on device")

    class Full:
        write: Callable[[str], int] = staticmethod(full)
        flush = staticmethod(lambda: None)
        isatty = staticmethod(lambda: False)

    monkeypatch.setattr(sys, "stdout", Full())
    assert run(["version", "--json"]) == 1
    assert streams.own() is sys.stdout
