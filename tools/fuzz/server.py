"""A process that has imported zif and forks for each command, so that a command costs what it does and no imports.

Started by `runner.Runner`, never imported: an order a line on stdin (JSON), an answer a line on stdout. With the word
`warm` it also does once what commands do, so that tables are read and whatever is imported late is there: then a
command costs a fifth.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from tools.fuzz import machine
from tools.fuzz.waiting import STUCK, orphans, waited

PRELOAD = ("rich.console", "rich.table", "onnx.reference", "zif.cli.app", "zif.cli.views.plan", "zif.cli.views.run")
PRELOAD += (
    "zif.cli.outputs",
    "zif.inputs",
    "zif.inputs.samples",
    "zif.runtime.verbs",
    "zif.runtime.build",
    "zif.targets",
)
PRELOAD += ("zif.planning.placement", "zif.planning.planner", "scipy.sparse.csgraph", "importlib_metadata")
PRELOAD += (
    "zif.artifacts.cache",
    "zif.backends.survey",
    "typer._adapters",
    "onnx.checker",
    "onnx.shape_inference",
    "PIL.Image",
)
PRELOAD += ("zif_qnn_cpu", "zif_reference", "zif_qnn_gpu", "zif_qnn_htp", "zif_quantize", "onnxruntime")
#: Seconds of CPU, bytes of address space, and bytes of a file.
CPU, SPACE, FILE = 20, 8 << 30, 2 << 30
#: Commands that one fork runs, where it may run several.
AT_ONCE = 16
_SUBREAPER = 36

#: What a warm process has done before: a command each, in a folder with a model `m.onnx` and an array `x.npy`.
WARM = (
    "plan m.onnx --explain op:* --html p.html",
    "plan m.onnx --json -t snapdragon-8-gen-3",
    "plan m.onnx -p memory --overlay o.json --only qnn_cpu",
    "run m.onnx -i x=x.npy --only qnn_cpu -o out",
    "run m.onnx --random 0 --only reference --json",
    "compile m.onnx -o b --only qnn_cpu --only reference",
    "run b --random 0",
    "verify m.onnx --only qnn_cpu",
    "compare m.onnx@host,reference m.onnx@host,qnn_cpu --random 0",
    "quantize m.onnx -o q.onnx --random-calibration --method minmax",
    "quantize m.onnx -o q8.onnx --random-calibration --precision w8",
    "encodings convert q.onnx -o e.json --to 1.0.0",
    "encodings check e.json m.onnx --json",
    "profile m.onnx --random 0 -n 1 --warmup 0 --only qnn_cpu",
    "verdicts m.onnx --only qnn_cpu",
    "cache why m.onnx --only qnn_cpu",
    "cache ls",
    "targets",
    "doctor",
)
NET = """<ir_version: 9, opset_import: ["": 17]>
g (float[1, 4] x) => (float[1, 4] y) <float[4, 4] w = {1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7}> {
  [m] m = MatMul(x, w)
  [r] r = Relu(m)
  [y] y = Add(r, m)
}"""


def serve() -> None:
    """Answer orders until there are no more."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    signal.signal(machine.INTERRUPT, signal.SIG_IGN)  # until whom it is for has a handler, and in all that it starts
    for name in PRELOAD:
        with suppress(ImportError):
            importlib.import_module(name)
    if "warm" in sys.argv:
        warm()
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    gc.collect()
    gc.freeze()  # else the first collection in each child copies every page
    several = Several()
    for line in sys.stdin:
        order = json.loads(line)
        if order.get("several"):
            answer = several.ask(line)
        else:
            several.end()
            child = os.fork()
            if child == 0:
                os.close(answers.fileno())
                work(order)
            answer = waited(child, order.get("fault"))
        print(json.dumps(answer), file=answers, flush=True)
    several.end()


def warm() -> None:
    """Do once what commands do, in a home of its own; what they say of it is of no interest."""
    import numpy as np
    import onnx
    from zif.backends.isolation.pool import pool
    from zif.cli import run

    before, here, streams = dict(os.environ), Path.cwd(), (sys.stdout, sys.stderr)
    with tempfile.TemporaryDirectory(prefix="fuzz-warm-") as folder, Path(os.devnull).open("w") as nowhere:
        os.environ.update(HOME=folder, TMPDIR=folder)
        os.chdir(folder)
        sys.stdout = sys.stderr = nowhere
        onnx.save(onnx.parser.parse_model(NET), "m.onnx")
        np.save("x.npy", np.zeros((1, 4), np.float32))
        for line in WARM:
            run(line.split())
        pool.close()
        os.chdir(here)
    sys.stdout, sys.stderr = streams
    os.environ.clear()
    os.environ.update(before)
    tempfile.tempdir = None


def work(order: dict[str, Any]) -> None:
    """In the child: become the command, and never come back."""
    code: Any = 70
    try:
        os.setsid()
        settle(order)
        for number in (signal.SIGINT, signal.SIGHUP):  # whoever runs the campaign in the background ignores them
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        limited()
        resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU + 2))
        machine.failing(*order.get("fault") or ("", 0))
        if order["arguments"][0] == "@load":
            sys.exit(load(order["arguments"][1]))
        from zif.cli import main

        main()
    except SystemExit as done:
        code = done.code
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with suppress(BaseException):
            atexit._run_exitfuncs()  # what the interpreter would do, so that temporary folders and workers go
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code if isinstance(code, int) else 0)


def load(path: str) -> int:
    """What a host does that is no command line; what a machine refuses it is an error of Python's, or zif's."""
    try:
        import numpy as np
        import zif

        with zif.load(path, only=["qnn_cpu"]) as session:
            return 0 if session.run({"x": np.ones((1, 4), np.float32)}) else 1
    except (zif.ZifError, MemoryError, OSError, ImportError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


class Several:
    """A fork that runs command after command until it has run enough, or died: of the one that it was asked for."""

    def __init__(self) -> None:
        self._child = 0
        self._orders: Any = None
        self._answers: Any = None

    def ask(self, line: str) -> dict[str, Any]:
        """Run a command, and say how it ended."""
        if not self._child:
            self._start()
        self._orders.write(line)
        self._orders.flush()
        if not select.select([self._answers], [], [], STUCK)[0]:
            os.killpg(self._child, signal.SIGKILL)
            return {**self._gone(), "stuck": True}
        said = self._answers.readline()
        if not said:
            return self._gone()
        answer: dict[str, Any] = json.loads(said)
        if answer["last"]:
            self.end()
        return answer

    def end(self) -> None:
        """Let the fork go, if there is one."""
        if self._child:
            self._gone()

    def _gone(self) -> dict[str, Any]:
        self._orders.close()
        answer = waited(self._child)
        self._answers.close()
        self._child = 0
        return answer

    def _start(self) -> None:
        (orders, ask), (said, answers) = os.pipe(), os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.close(ask)
            os.close(said)
            one_by_one(orders, answers)
        os.close(orders)
        os.close(answers)
        self._orders, self._answers = os.fdopen(ask, "w"), os.fdopen(said)


def one_by_one(orders: int, answers: int) -> None:
    """In the child: run command after command in this process, and never come back."""
    from zif.cli import run

    os.setsid()
    limited()
    with os.fdopen(orders) as lines:
        for number, line in enumerate(lines, 1):
            order = json.loads(line)
            before = used()
            resource.setrlimit(resource.RLIMIT_CPU, (int(before) + CPU + 1, resource.RLIM_INFINITY))
            settle(order)
            try:
                code = run(order["arguments"], bounded=True)
            except BaseException:
                import traceback

                traceback.print_exc()
                code = 70
            left = tidied()
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            last = number >= AT_ONCE or most > 600 or left > 0 or threading.active_count() > 1
            answer = {"code": code, "cpu": round(used() - before, 2), "megabytes": most, "orphans": left, "last": last}
            os.write(answers, json.dumps(answer).encode() + b"\n")
    os._exit(0)


def used() -> float:
    """Seconds of CPU so far, of this process and those that it has waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(process.ru_utime + process.ru_stime for process in both)


def tidied() -> int:
    """What the end of a process does, without ending it; how many of its processes are still there."""
    from multiprocessing import resource_tracker

    from zif.backends.isolation import pool
    from zif.files import leftovers

    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    pool.pool.close()
    leftovers.clear()
    with suppress(Exception):
        resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]
    return orphans()


def settle(order: dict[str, Any]) -> None:
    """Be where the command is to run, with its variables and its streams."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    for number, name in ((0, os.devnull), (1, order["out"]), (2, order["err"])):
        made = os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(made, number)
        os.close(made)
    sys.argv = ["zif", *order["arguments"]]


def limited() -> None:
    """What no command may take; it dies of more CPU, and is refused more of the others."""
    for kind, most in ((resource.RLIMIT_AS, SPACE), (resource.RLIMIT_FSIZE, FILE), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(kind, (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


if __name__ == "__main__":
    serve()
