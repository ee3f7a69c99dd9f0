"""The process that has the toolkit imported. It forks a child for each model, so that a crash ends one question.

The toolkit prints in colours, writes into the working directory, sets environment variables, and can end its process.
All of that stays in a child: its output goes into a file, its working directory is a private folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import resource
import signal
import socket
import sys
import time
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from zif_rockchip.job import Job, Outcome

if TYPE_CHECKING:
    from zif.plugin import Array

LOG = "toolkit.log"
_PR_SET_PDEATHSIG = 1
#: Seconds of processor time for a build, after which the kernel ends it: one that takes so long takes for ever.
_LONG = 1200
#: What the compiler advises when one of its rules fails, and how many are left out at most.
_RULE = re.compile(r"disable_rules=\['(\w+)'\]")
_RULES = 8


def main(descriptor: int) -> None:
    """Serve the process that started this one, until it hangs up."""
    control = socket.socket(fileno=descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the host, which ends this process by hanging up
    try:
        import rknn.api
    except BaseException as error:
        control.sendall(f"{type(error).__name__}: {error}".encode()[:4000])
        return
    del rknn
    control.sendall(b"ready")
    while True:
        message, handed, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            control.close()
            _serve(Connection(handed[0]))
            os._exit(0)
        os.close(handed[0])


def _serve(line: Connection) -> None:
    """One child: a folder to work in, then build, export and run as asked, until the other side hangs up."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _end_with_parent()
    worker = None
    try:
        while True:
            word, args = line.recv()
            if word == "enter":
                worker = _Worker(*args)
                line.send(os.getpid())
            elif worker is not None:
                line.send(getattr(worker, word)(*args))
    except (EOFError, OSError):
        return


def _end_with_parent() -> None:
    """Whoever is in the toolkit's code does not hear that nobody waits any longer."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _no_longer_than(seconds: int) -> None:
    """End this process when it has used so much more processor time."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    end = int(time.process_time()) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (end if most == resource.RLIM_INFINITY else min(end, most), most))


class _Worker:
    """One model in the toolkit's hands."""

    def __init__(self, folder: Path) -> None:
        os.chdir(folder)
        self._log = folder / LOG
        stream = os.open(self._log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        for descriptor in (1, 2):
            os.dup2(stream, descriptor)
        os.close(stream)
        os.environ["TMPDIR"] = str(folder)
        self._rknn: Any = None

    def build(self, job: Job) -> Outcome:
        """Read a model and build it. The given encodings of a quantized model are kept: nothing is calibrated.

        A rule of the compiler that fails on the model is left out and the model built again, as the compiler itself
        advises: a rule makes a graph quicker, not right.
        """
        _no_longer_than(_LONG)
        left_out: tuple[str, ...] = ()
        while True:
            outcome = self._told(partial(self._build, job, left_out))
            failed = _RULE.findall(outcome.log) if outcome.error else []
            if not failed or failed[-1] in left_out or len(left_out) >= _RULES:
                return attrs.evolve(outcome, left_out=left_out)
            left_out = (*left_out, failed[-1])

    def export(self, file: Path) -> Outcome:
        """Write the .rknn file of what was built."""
        return self._told(lambda: _zero("export_rknn", self._rknn.export_rknn(str(file))))

    def simulate(self) -> Outcome:
        """Make what was built ready to run in the simulator."""
        return self._told(lambda: _zero("init_runtime", self._rknn.init_runtime()))

    def run(self, arrays: list[Array]) -> tuple[Outcome, list[Array]]:
        """The outputs for these inputs, in the model's order and layout."""
        made: list[Array] = []

        def compute() -> None:
            layouts = ["nchw"] * len(arrays)
            made.extend(self._rknn.inference(inputs=arrays, data_format=layouts))

        return self._told(compute), made

    def _build(self, job: Job, left_out: tuple[str, ...]) -> None:
        from rknn.api import RKNN

        rules = {"disable_rules": list(left_out)} if left_out else {}

        self._rknn = RKNN(verbose=True)
        self._rknn.config(
            target_platform=job.platform,
            optimization_level=job.optimization_level,
            compress_weight=job.compress_weight,
            single_core_mode=job.single_core_mode,
            enable_flash_attention=job.flash_attention,
            **rules,
        )
        _zero("load_onnx", self._rknn.load_onnx(str(job.model)))
        _zero("build", self._rknn.build(do_quantization=False))

    def _told(self, work: Any) -> Outcome:
        error = ""
        self._log.write_bytes(b"")
        try:
            work()
        except BaseException as raised:
            error = f"{type(raised).__name__}: {raised}"
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        return Outcome(error, self._log.read_text(encoding="utf-8", errors="replace"))


def _zero(step: str, answer: Any) -> None:
    if answer != 0:
        raise RuntimeError(f"{step} answered {answer}")
