"""Ctrl-C and SIGTERM at any moment: the exit code of the signal, not a word, and nothing left behind."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from small import classifier

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")

COMMANDS = {
    "plan": "plan net.onnx --json --html out/plan.html",
    "run": "run net.onnx --random 0 --isolate --only reference -o out",
    "compile": "compile net.onnx -o out/net.zif",
    "emulated": "compile net.onnx -o out/net.zif -t snapdragon-8-gen-3 --only qnn_htp --only qnn_cpu --overwrite",
    "quantize": "quantize net.onnx --random-calibration -o out/q.onnx",
    "verify": "verify net.onnx",
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Started:
    """A command in a world of its own: folders for everything that it may write, marked in its environment."""

    def __init__(self, folder: Path, words: str) -> None:
        self.folder = folder
        for name in ("tmp", "cache", "data", "home", "out"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        classifier(folder / "net.onnx")
        self.shared = set(os.listdir("/dev/shm"))
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ZIF_")},
            **{"TMPDIR": str(folder / "tmp"), "HOME": str(folder / "home"), "ZIF_CACHE": str(folder / "cache")},
            **{"ZIF_DATA": str(folder / "data"), "PYTHONDONTWRITEBYTECODE": "1", "MARK": str(folder)},
        }
        command = [sys.executable, "-m", "zif", *words.split()]
        self.process = subprocess.Popen(
            command, cwd=folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def caught(self) -> None:
        """Wait until the command line has taken SIGTERM on: what comes before is the interpreter's own start."""
        while self.process.poll() is None and not self._takes(signal.SIGTERM):
            time.sleep(0.001)

    def _takes(self, number: int) -> bool:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        mask = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")), "0")
        return bool(int(mask, 16) >> (number - 1) & 1)

    def left(self) -> list[str]:
        """What is there that should not be: files under names that pass, shared memory, processes."""
        found = [str(path.relative_to(self.folder)) for path in (self.folder / "tmp").iterdir() if path.name != ".ses"]
        cache = self.folder / "cache"
        found += [str(path) for path in cache.rglob("*") if path.name.startswith((".draft-", ".gone-"))]
        found += [str(path) for path in (self.folder / "out").rglob("*") if path.name.endswith(("-part", ".part"))]
        found += sorted(set(os.listdir("/dev/shm")) - self.shared)
        return found + [f"process {one.pid} {one.cmdline()[-3:]}" for one in self._processes()]

    def _processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("MARK") == str(self.folder)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    yield process
            except psutil.Error:
                continue

    def ended(self) -> tuple[int, str, str]:
        """Exit code, stdout, stderr, once every process is gone that was going."""
        out, err = self.process.communicate()
        return self.process.returncode, out, err


def undisturbed(folder: Path, words: str) -> tuple[float, str]:
    """How long a command takes, from when it can be asked to end, and what it then has said on stderr."""
    whole = Started(folder, words)
    whole.caught()
    begin = time.monotonic()
    code, _, err = whole.ended()
    assert code in (0, 1), err
    assert whole.left() == []
    return time.monotonic() - begin, _said(err)


def _said(text: str) -> str:
    """Without figures, which another run may have other ones of."""
    return re.sub(r"[\d.]+", "0", text)


def interrupted(folder: Path, words: str, chance: random.Random, whole: tuple[float, str]) -> None:
    seconds, said = whole
    one = Started(folder, words)
    one.caught()
    number, wait = chance.choice(SIGNALS), chance.uniform(0, seconds)
    time.sleep(wait)
    one.process.send_signal(number)
    code, _, err = one.ended()
    where = f"{signal.Signals(number).name} after {wait:.3f} s of {seconds:.1f}"
    if code in (0, 1) and said.startswith(_said(err)):  # it had just done its work
        assert one.left() == [], where
        return
    assert code in (128 + number, -number), f"{where}: {err}"  # of itself where the interpreter was already ending
    assert said.startswith(_said(err)), f"{where}: {err}"  # what it had to say before, and no word of its end
    assert one.left() == [], where
    assert_whole(folder / "out", where)


def assert_whole(out: Path, where: str) -> None:
    """What is there has its last name and all of its content."""
    for path in out.rglob("*"):
        if path.is_file():
            assert path.stat().st_size, f"{where}: {path}"
    if (out / "net.zif").exists():
        assert (out / "net.zif" / "manifest.json").is_file(), where


@pytest.mark.parametrize("name", ["plan", "run", "compile"])
def test_a_signal_at_some_moment_leaves_nothing(tmp_path: Path, name: str) -> None:
    chance = random.Random(name)
    whole = undisturbed(tmp_path / "whole", COMMANDS[name])
    for number in range(3):
        interrupted(tmp_path / str(number), COMMANDS[name], chance, whole)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_at_any_moment_leaves_nothing(tmp_path: Path, name: str, seed: int) -> None:
    chance = random.Random(f"{name} {seed}")
    whole = undisturbed(tmp_path / "whole", COMMANDS[name])
    for number in range(8):
        interrupted(tmp_path / str(number), COMMANDS[name], chance, whole)


def ends(code: str, *numbers: int, pause: float = 0.3) -> tuple[int, str, str]:
    """What becomes of a command whose work is `code`, which says when it begins, and that is sent these signals."""
    script = (
        "import sys, time, threading, zif.cli\nfrom zif.cli import ending\nfrom zif.files import leftovers\n"
        "ending.PATIENCE = 1.0\n\n\ndef work(_):\n"
        "    def begun(said=[]): said or (said.append(1), print('begun', file=sys.stderr, flush=True))\n"
        + "".join(f"    {line}\n" for line in code.splitlines())
        + "    return 0\n\n\nzif.cli.run = work\nzif.cli.main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "begun\n"
    for number in numbers:
        process.send_signal(number)
        time.sleep(pause)
    out, err = process.communicate()
    return process.returncode, out, err


SLEEPS = "import ctypes\nbegun()\nctypes.CDLL(None).sleep(3600)"  # native code, which lets go of the interpreter
CONVERTS = (
    "try:\n    begun()\n    time.sleep(3600)\nexcept BaseException as error:\n    raise ImportError('numpy') from error"
)
SWALLOWS = "while True:\n    try:\n        begun()\n        time.sleep(3600)\n    except BaseException: pass"
DELETED = (
    "class Held:\n    def __del__(self):\n        begun()\n        time.sleep(30)\n"
    "held = Held()\ndel held\ntime.sleep(3600)"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("code", [SLEEPS, CONVERTS, SWALLOWS, DELETED])
def test_it_ends_whatever_holds_it_up(code: str, number: int) -> None:
    assert ends(code, number) == (128 + number, "", "")


def test_what_was_noted_is_gone_even_then(tmp_path: Path) -> None:
    folder = tmp_path / "noted"
    code = f"import pathlib\nfolder = leftovers.note(pathlib.Path({str(folder)!r}))\nfolder.mkdir()\n{SWALLOWS}"
    assert ends(code, signal.SIGTERM) == (143, "", "")
    assert not folder.exists()


def test_a_process_that_was_started_goes_too(tmp_path: Path) -> None:
    mark = f"3600.{os.getpid()}"
    code = f"import subprocess\nsubprocess.Popen(['sleep', '{mark}'], start_new_session=True)\n{SLEEPS}"
    assert ends(code, signal.SIGINT) == (130, "", "")
    assert not [one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or [])]


def test_a_second_signal_does_not_disturb_the_way_out() -> None:
    code = "try:\n    begun()\n    time.sleep(3600)\nfinally:\n    time.sleep(0.2)\n    print('closed', flush=True)"
    assert ends(code, signal.SIGINT, signal.SIGINT, pause=0.05) == (130, "closed\n", "")


def test_who_does_not_wait_sends_it_twice() -> None:
    code = "ending.PATIENCE = 3600.0\n" + SWALLOWS
    assert ends(code, signal.SIGTERM, signal.SIGTERM)[0] == 143


def test_a_reader_who_does_not_read_holds_nothing_up(tmp_path: Path) -> None:
    one = Started(tmp_path, "targets --json")
    one.caught()
    assert one.process.stdout is not None
    assert one.process.stdout.read(1) == "{"  # it writes more than a pipe takes
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait() in (143, 0)


def test_what_a_parent_wants_ignored_is_ignored(tmp_path: Path) -> None:
    line = f"trap '' HUP; exec {sys.executable} -m zif eval net.onnx --eval judge.py:judge"
    classifier(tmp_path / "net.onnx")
    (tmp_path / "judge.py").write_text(
        "import os, signal\n\n\ndef judge(session):\n    os.kill(os.getpid(), signal.SIGHUP)\n    return 1.0\n"
    )
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
