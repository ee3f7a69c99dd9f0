"""What holds for every command: exit codes, one paragraph of error, JSON alone on stdout, a fast start."""

from __future__ import annotations

import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes import CAPABILITIES_SLEEPS, GOOD, Site
from small import classifier
from zif.cli import commands

NOISY = (
    GOOD
    + """
import os
os.write(1, b" # LIBNATIVE 1.2.3 loaded\\n")
print("hello from Python")
"""
)
BUG = "import zif.targets\nzif.targets.host = lambda: 1 / 0\n"


def test_help_needs_neither_onnx_nor_numpy_nor_rich(site: Site) -> None:
    result = site.start(["-X", "importtime", "-m", "zif", "--help"], None, {})
    assert result.code == 0
    assert "backends" in result.out
    loaded = {line.rsplit("|", 1)[-1].strip() for line in result.err.splitlines() if "|" in line}
    assert not loaded & {"onnx", "numpy", "scipy", "rich", "pluggy", "PIL", "attr", "zif.records"}


@pytest.mark.parametrize("command", [found.name.replace("_", "-") for found in pkgutil.iter_modules(commands.__path__)])
def test_every_command_has_help(site: Site, command: str) -> None:
    result = site.zif(command, "--help")
    assert result.code == 0
    assert f"zif {command}" in result.out


def test_version(site: Site) -> None:
    site.add("good", version="4.2")
    assert site.zif("--version").out.startswith("zif ")
    assert "fake-good 4.2" in site.zif("version").out
    assert site.zif("version", "--json").json["backends"] == {"fake-good": "4.2"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "nonsense"),
        (["targets", "--nonsense"], "--nonsense"),
        (["plan"], "MODEL"),
        (["targets", "snapdragon-9-gen-9"], "snapdragon-8-gen-3"),
        (["backends", "--target", "sm8660"], "snapdragon-8-gen-3"),
    ],
)
def test_a_wrong_call_is_a_sentence_and_exit_code_2(site: Site, arguments: list[str], words: str) -> None:
    result = site.zif(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("zif: error: ")
    assert words in result.err
    assert "Traceback" not in result.err


def test_an_error_is_a_document_too_when_json_was_asked_for(site: Site) -> None:
    result = site.zif("targets", "sm8660", "--json")
    assert result.code == 2
    assert result.json["schema"] == "zif.error/1"
    assert result.json["error"] == "UsageError"
    assert "snapdragon-8-gen-3" in result.json["message"]
    assert result.json["obstacles"] == []
    assert result.json["message"] in result.err


@pytest.mark.parametrize("columns", ["80", "100", "140"])
def test_names_of_chips_can_be_copied_from_the_list(site: Site, columns: str) -> None:
    text = site.zif("targets", COLUMNS=columns).out
    assert {"snapdragon-8-elite-gen-5-for-galaxy", "snapdragon-8-gen-3", "qcs8550-proxy"} <= set(text.split())
    assert all(len(line) <= int(columns) for line in text.splitlines() if not line.startswith("`"))


def test_debug_shows_the_traceback_wherever_it_stands(site: Site) -> None:
    for arguments in (["--debug", "targets", "sm8660"], ["targets", "sm8660", "--debug"]):
        result = site.zif(*arguments)
        assert result.code == 2
        assert "Traceback" in result.err
    assert "Traceback" in site.zif("targets", "sm8660", ZIF_DEBUG="1").err


def test_a_bug_is_owned_up_to(site: Site) -> None:
    (site.folder / "sitecustomize.py").write_text(BUG)
    code = "import sitecustomize, sys; sys.argv = ['zif', 'targets']; from zif.cli import main; main()"
    result = site.python(code)
    assert result.code == 3
    assert "this is a bug in zif: ZeroDivisionError" in result.err
    assert "--debug" in result.err
    assert "Traceback" not in result.err
    assert "Traceback" in site.python(code, ZIF_DEBUG="1").err


LIMITS = {
    "MemoryError()": "ran out of memory",
    "OSError(12, 'Cannot allocate memory')": "ran out of memory",
    "OSError(24, 'Too many open files', 'm.onnx')": "`ulimit -n` raises that",
    "BlockingIOError(11, 'Resource temporarily unavailable')": "`ulimit -u` raises that",
    'RuntimeError("can\'t start new thread")': "`ulimit -u` raises that",
    "ImportError('libfoo.so: cannot open', name='foo.bar')": "the package 'foo' is",
}


@pytest.mark.parametrize("raised", LIMITS)
def test_what_the_machine_lacks_is_no_bug_of_zif(site: Site, raised: str) -> None:
    failing = f"import zif.targets\ndef fail():\n    raise {raised}\nzif.targets.host = fail\n"
    (site.folder / "sitecustomize.py").write_text(failing)
    result = site.python("import sitecustomize, sys; sys.argv = ['zif', 'targets']; from zif.cli import main; main()")
    assert result.code == 1
    assert LIMITS[raised] in " ".join(result.err.split())
    assert "bug in zif" not in result.err


def test_noise_of_native_libraries_stays_out_of_the_output(site: Site) -> None:
    site.add("noisy", NOISY)
    result = site.zif("backends", "--json")
    assert [row["name"] for row in result.json["backends"]] == ["noisy"]
    assert "LIBNATIVE" in result.err
    assert "hello from Python" in result.err
    assert "LIBNATIVE" not in site.zif("backends").out


def test_names_cannot_play_with_the_terminal(site: Site) -> None:
    result = site.zif("targets", "\x1b[2Jsm8650x")
    assert result.code == 2
    assert "\x1b" not in result.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_quietly(site: Site, number: int, code: int) -> None:
    site.add("slow", f"import pathlib, time; pathlib.Path({str(site.folder / 'begun')!r}).touch(); time.sleep(3600)")
    environment = site.environment(ZIF_DEADLINE="3000")
    command = [sys.executable, "-S", "-m", "zif", "backends"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (site.folder / "begun").exists():
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (code, "", "")


def test_being_terminated_leaves_no_temporary_files(tmp_path: Path) -> None:
    model = classifier(tmp_path / "net.onnx")
    script, scratch = tmp_path / "judge.py", tmp_path / "scratch"
    scratch.mkdir()
    script.write_text(
        "import sys, tempfile, time\n\n\ndef wait(session):\n    with tempfile.TemporaryDirectory():\n"
        "        print('started', file=sys.stderr, flush=True)\n        time.sleep(3600)\n"
    )
    command = [sys.executable, "-m", "zif", "eval", str(model), "--eval", f"{script}:wait"]
    environment = os.environ | {"TMPDIR": str(scratch)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "started" in process.stderr.readline()
    assert list(scratch.iterdir())
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143
    assert [one.name for one in scratch.iterdir() if one.name != ".ses"] == []  # ONNX Runtime's own


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_who_waits_at_a_terminal_sees_what_is_going_on(site: Site) -> None:
    site.add("sleepy", CAPABILITIES_SLEEPS)
    near, far = os.openpty()
    command = [sys.executable, "-S", "-m", "zif", "backends", "--json"]
    environment = site.environment(ZIF_DEADLINE="4", TERM="xterm")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=far) as process:
        os.close(far)
        assert process.stdout is not None
        document = json.load(process.stdout)
    seen = os.read(near, 100_000).decode(errors="replace")
    os.close(near)
    assert "asking the backends" in seen
    assert document["backends"][0]["name"] == "sleepy"


@pytest.mark.skipif(os.name == "nt", reason="needs a shell with pipes that close")
def test_a_reader_who_leaves_early_sees_no_traceback(site: Site) -> None:
    command = f"{sys.executable} -S -m zif targets --json | head -n 1"
    done = subprocess.run(command, shell=True, env=site.environment(), capture_output=True, text=True)
    assert done.stdout.strip() == "{"
    assert "Traceback" not in done.stderr


def test_completion_can_be_shown(site: Site) -> None:
    result = site.zif("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "_ZIF_COMPLETE" in result.out
