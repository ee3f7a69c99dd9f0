"""Running cases, and what is right of how they end: an answer, or a sentence with exit code 1 or 2. All else is bad."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from tools.fuzz.world import THREADS, Case, World

#: The most that a command may take: seconds of CPU, megabytes in memory.
CPU, MEGABYTES = 20, 2048
#: Which places cannot be written to, by the amount of that fault.
READ_ONLY = ("home", "work", "tmp", "home work tmp")
_FRAME = re.compile(r'File "[^"]*/(zif\w*/[^"]+\.py)", line \d+, in (\w+)')
_RAISED = re.compile(
    r"^((?:\w+\.)*\w*(?:Error|Exception|Failed|Broken|Crashed|Interrupt|Exit|Fail|InvalidArgument))\b", re.MULTILINE
)


@frozen
class Outcome:
    """How a command ended: `kind` is right, typed or bad, and `what` says what is bad."""

    kind: str
    what: str
    code: int
    cpu: float
    megabytes: int
    out: str
    err: str


class Runner:
    """Runs cases, one after the other, in a world of their own below a folder.

    warm: where nothing of what commands do is done for the first time, which costs a fifth.
    """

    def __init__(self, folder: Path, warm: bool = True) -> None:
        self.world, self._folder = World(folder / "world"), folder
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tools.fuzz.server", *(["warm"] if warm else [])],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **THREADS},
        )

    def run(self, case: Case, *, fault: tuple[str, int] | None = None, fresh: bool = True) -> Outcome:
        """Run a case in a child of the process that has imported zif already.

        fault: what fails meanwhile (see `faults`). Without `fresh`, on what the case before has left.
        """
        return self._judged(case, partial(self._failing, fault=fault), fresh)

    def _failing(self, case: Case, fault: tuple[str, int] | None) -> dict[str, Any]:
        if fault is None or fault[0] != "read-only":
            return self._by_fork(case, fault)
        self.world.lock(READ_ONLY[fault[1]])
        try:
            return self._by_fork(case, fault)
        finally:
            self.world.lock("")

    def run_beside(self, case: Case) -> Outcome:
        """Run a case in a process that has run others before, which costs a third; what is bad is run once more alone.

        Then that counts. What is bad only after others is told on stderr.
        """
        outcome = self._judged(case, partial(self._by_fork, several=True))
        if outcome.kind != "bad":
            return outcome
        alone = self.run(case)
        if alone.kind != "bad":
            print(f"only after others: {outcome.what}\n  {' '.join(case.arguments)}", file=sys.stderr, flush=True)
        return alone

    def run_command(self, case: Case) -> Outcome:
        """The same by the command `zif` itself, with its imports and its start."""
        return self._judged(case, self._by_command)

    def close(self) -> None:
        """End the process."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()

    def _judged(self, case: Case, call: Any, fresh: bool = True) -> Outcome:
        if fresh:
            self.world.make(case)
        before = self.world.seen()
        answer = call(case)
        out, err = (self._said(name) for name in ("out", "err"))
        what = wrong(case, answer, out, err) or ", ".join(
            f"changed {name}" for name in self.world.strange(case, before)[:5]
        )
        kind = "bad" if what else "right" if answer["code"] == 0 else "typed"
        return Outcome(kind, what, answer["code"], answer["cpu"], answer["megabytes"], out, err)

    def _said(self, name: str) -> str:
        return (self._folder / name).read_bytes().decode(errors="replace")

    def _by_fork(self, case: Case, fault: tuple[str, int] | None = None, several: bool = False) -> dict[str, Any]:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        order = {
            "arguments": case.arguments,
            "environment": self.world.environment(case),
            "folder": str(self.world.work),
            "out": str(self._folder / "out"),
            "err": str(self._folder / "err"),
            "fault": fault,
            "several": several,
        }
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer

    def _by_command(self, case: Case) -> dict[str, Any]:
        program = str(Path(sys.executable).with_name("zif"))
        with (self._folder / "out").open("wb") as out, (self._folder / "err").open("wb") as err:
            process = subprocess.Popen(
                [program, *case.arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self.world.environment(case),
                cwd=self.world.work,
            )
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu = round(used.ru_utime + used.ru_stime, 2)
        return {"code": process.returncode, "cpu": cpu, "megabytes": used.ru_maxrss // 1024}


@contextmanager
def running(folder: Path, warm: bool = True) -> Iterator[Runner]:
    """A runner, for as long as it is needed."""
    runner = Runner(folder, warm)
    try:
        yield runner
    finally:
        runner.close()


def wrong(case: Case, answer: dict[str, Any], out: str, err: str) -> str:
    """What is bad of how a command ended, apart from what lies on the disk afterwards; "" for nothing."""
    code = answer["code"]
    if answer.get("stuck"):
        return "stuck: it neither ended nor computed"
    if code == -24 or answer["cpu"] > CPU:
        return f"more than {CPU} s of CPU"
    if code < 0:
        return f"signal {-code}"
    if "Traceback (most recent call last)" in out + err:
        return "a traceback"
    if code == 3 and "PYTHONPATH" in case.environment and "a bug in zif" not in err:
        return ""  # a plugin that is broken, and told by its name
    if code not in (0, 1, 2):
        return f"exit {code}: {err.strip()[-200:]}"
    if answer["megabytes"] > MEGABYTES:
        return f"{answer['megabytes']} MB"
    if answer.get("orphans"):
        return "a process that it left behind"
    if code and not out.strip() and not err.strip():
        return f"exit {code} without a word"
    return _no_document(case, out) if "--json" in case.arguments else ""


def _no_document(case: Case, out: str) -> str:
    try:
        json.loads(out)
    except ValueError:
        return "" if case.arguments[-1] == "--help" else "--json prints something else than one document"
    return ""


def signature(runner: Runner, case: Case, outcome: Outcome) -> str:
    """What tells one kind of bad from another: where in zif it was raised, and what; else what is bad."""
    if not outcome.what.startswith(("exit", "a traceback")):
        return re.sub(r"\d+ MB", "MB", outcome.what)
    again = runner.run(evolve(case, arguments=(*case.arguments, "--debug")))
    frames, raised = _FRAME.findall(again.err), _RAISED.findall(again.err)
    first = raised[0] if raised else ""
    return f"{first} in {':'.join(frames[-1])} under {outcome.code}" if frames else outcome.what
