"""Faults of the machine while a command works: every fault with every command, and the command once more afterwards.

After a fault a command has done what it should, or says what is wrong; nothing half-written is left, its outputs are
those of an undisturbed run, and the same command then succeeds as if nothing had been. The faults are the system's own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from random import Random

from attrs import evolve, frozen

from tools.fuzz.machine import GROUPS, KNOWN
from tools.fuzz.material import CHIP, KEY, Material
from tools.fuzz.runner import Outcome, Runner
from tools.fuzz.world import Case

#: What may fail, and from where to where: bytes of a file, open files, MB of memory beyond those of the start, which
#: places cannot be written to, milliseconds until a signal comes, the second that the clock says it is; the seconds of
#: a leap of all clocks, times 1000 and with the looks before it; milliseconds until a disk breaks, times the groups of
#: calls that may be the ones; microseconds between two interruptions.
FAULTS = {
    "space": (0, 20_000),
    "descriptors": (8, 40),
    "memory": (0, 1500),
    "read-only": (0, 3),
    "clock": (0, 2**33),
    "leap": (1000, 100_000_000),
    **({"EIO": (0, 600 * GROUPS)} if KNOWN else {}),
    "EINTR": (500, 20_000),
    "stop": (0, 1500),
    "SIGTERM": (0, 1500),
    "SIGINT": (0, 1500),
    "SIGHUP": (0, 1500),
    "SIGKILL": (0, 1500),
    "worker": (0, 1500),
}
#: Those that are met in a process which has still to import what a command needs.
COLD = ("descriptors", "memory")
#: MB that a Python host must have, which nobody can ask for it: below, the C library ends the process in an engine.
HOST = 400
#: Exit codes, beside 0 to 2, that a fault may end a command with. A worker that is killed is exit 3: it broke.
ENDS = {"SIGTERM": (143, -15), "SIGINT": (130, -2), "SIGHUP": (129, -1), "SIGKILL": (-9,), "worker": (3,)}
_RANDOM, _CPU, _NPU = ("--random", "0"), ("--only", "qnn_cpu"), ("-t", CHIP, "--only", "qnn_htp")


@frozen
class Fault:
    """A fault, and how much of the thing there is, or when it comes."""

    kind: str
    amount: int


def _model(material: Material) -> dict[str, bytes]:
    return {"m.onnx": material.models["mlp"].SerializeToString()}


def _bundle(material: Material) -> dict[str, bytes]:
    return {f"b/{name}": content for name, content in material.bundle("both").items()}


def _cached(material: Material) -> dict[str, bytes]:
    return {**_model(material), **material.cache()}


#: Each command on valid files, by the name of the column in `docs/reliability.md`.
COMMANDS: dict[str, Callable[[Material], Case]] = {
    "load": lambda all_: Case(("@load", "m.onnx"), _model(all_)),
    "plan": lambda all_: Case(("plan", "m.onnx", *_CPU, "--html", "p.html"), _model(all_), {}, ("p.html",)),
    "run": lambda all_: Case(("run", "m.onnx", *_RANDOM, *_CPU, "-o", "out"), _model(all_), {}, ("out",)),
    "isolated": lambda all_: Case(("run", "m.onnx", *_RANDOM, *_CPU, "--isolate"), _model(all_)),
    "compile": lambda all_: Case(("compile", "m.onnx", "-o", "out", *_CPU), _model(all_), {}, ("out",)),
    "emulated": lambda all_: Case(("compile", "m.onnx", "-o", "out", *_NPU, "--no-verify"), _model(all_), {}, ("out",)),
    "overwrite": lambda all_: Case(
        ("compile", "m.onnx", "-o", "b", *_CPU, "--overwrite"), {**_model(all_), **_bundle(all_), **KEY}, {}, ("b",)
    ),
    "quantize": lambda all_: Case(
        ("quantize", "m.onnx", "-o", "q.onnx", "--random-calibration"),
        _model(all_),
        {},
        ("q.onnx", "q.encodings.json"),
    ),
    "bundle": lambda all_: Case(("run", "b", *_RANDOM, "-o", "out"), _bundle(all_), {}, ("out",)),
    "cached": lambda all_: Case(("run", "m.onnx", *_RANDOM, *_NPU, "--no-verify"), _cached(all_)),
    "cache": lambda all_: Case(("cache", "verify"), _cached(all_)),
}


def every(seed: int, times: int = 2) -> Iterator[tuple[str, str, int]]:
    """Every fault with every command, so many times with an amount of its own."""
    for turn in range(times):
        rng = Random(f"faults/{seed}/{turn}")
        for kind, span in FAULTS.items():
            for name in COMMANDS:
                amount = rng.randint(*span)
                yield kind, name, max(amount, HOST) if (kind, name) == ("memory", "load") else amount


def tried(runner: Runner, fault: Fault, case: Case) -> Outcome:
    """The command with the fault, and then without it on what is left."""
    outcome = runner.run(case, fault=(fault.kind, fault.amount))
    told = outcome.what.startswith(("exit", "signal", "--json"))
    if outcome.code in ENDS.get(fault.kind, ()) and told:
        outcome = evolve(outcome, kind="typed", what="")
    if fault.kind == "SIGKILL" and outcome.what.startswith("changed tmp/"):  # nobody was there to clean up
        outcome = evolve(outcome, kind="typed", what="")
    if outcome.kind == "bad":
        return outcome
    made = _made(runner, case) if outcome.code == 0 else {}
    again = runner.run(_once_more(case), fresh=False)
    if again.code:
        return evolve(again, kind="bad", what=f"afterwards: exit {again.code}: {again.err.strip()[-200:]}")
    if made and made != _made(runner, case):
        return evolve(outcome, kind="bad", what="other numbers than without the fault")
    return outcome


def _made(runner: Runner, case: Case) -> dict[str, bytes]:
    """The outputs of a run, by their files."""
    if case.arguments[0] != "run" or "out" not in case.writes:
        return {}
    folder = runner.world.work / "out"
    return {name: (folder / name).read_bytes() for name in sorted(os.listdir(folder)) if name.endswith(".npy")}


def _once_more(case: Case) -> Case:
    """The command as its user would give it again: a bundle that is there by now is to be replaced."""
    if case.arguments[0] == "compile" and "--overwrite" not in case.arguments:
        return evolve(case, arguments=(*case.arguments, "--overwrite"))
    return case
