"""Faults of the machine while a command works: no room, no descriptors, no memory, signals; and the command once more.

After a fault a command has done what it should, or says what is wrong; nothing half-written is left, and the same
command then succeeds as if nothing had been. The faults are the system's own, by limits on the process.
"""

from __future__ import annotations

from random import Random

from attrs import evolve, frozen

from tools.fuzz.material import CHIP, Material
from tools.fuzz.runner import Outcome, Runner
from tools.fuzz.world import Case

#: What may fail, and from where to where: bytes of a file, open files, MB of memory beyond those of the start, ms.
FAULTS = {
    "space": (0, 20_000),
    "descriptors": (12, 40),
    "memory": (400, 1500),
    "SIGTERM": (0, 1500),
    "SIGINT": (0, 1500),
    "SIGKILL": (0, 1500),
}
#: Exit codes, beside 0 to 2, that a signal may end a command with.
_ENDS = {"SIGTERM": (143, -15), "SIGINT": (130, -2), "SIGKILL": (-9,)}


@frozen
class Fault:
    """A fault, and how much of the thing there is, or when it comes."""

    kind: str
    amount: int


def drawn(rng: Random, material: Material) -> tuple[Fault, Case]:
    """A fault, and a command on valid files."""
    kind = rng.choice(sorted(FAULTS))
    return Fault(kind, rng.randint(*FAULTS[kind])), _valid(rng, material)


def _valid(rng: Random, material: Material) -> Case:
    model = {"m.onnx": material.models["mlp"].SerializeToString()}
    bundle = {f"b/{name}": content for name, content in material.bundle("both").items()}
    cached = {**model, **material.cache()}
    random, cpu, npu = ("--random", "0"), ("--only", "qnn_cpu"), ("-t", CHIP, "--only", "qnn_htp")
    ways = (
        Case(("plan", "m.onnx", *cpu, "--html", "p.html"), model, {}, ("p.html",)),
        Case(("run", "m.onnx", *random, *cpu, "-o", "out"), model, {}, ("out",)),
        Case(("run", "b", *random, "-o", "out"), bundle, {}, ("out",)),
        Case(("compile", "m.onnx", "-o", "out", *cpu), model, {}, ("out",)),
        Case(("compile", "m.onnx", "-o", "b", *cpu, "--overwrite"), {**model, **bundle}, {}, ("b",)),
        Case(("compile", "m.onnx", "-o", "out", *npu, "--no-verify"), model, {}, ("out",)),
        Case(("run", "m.onnx", *random, *npu, "--no-verify"), cached),
        Case(("cache", "verify"), cached),
        Case(("quantize", "m.onnx", "-o", "q.onnx", "--random-calibration"), model, {}, ("q.onnx", "q.encodings.json")),
    )
    return rng.choice(ways)


def tried(runner: Runner, fault: Fault, case: Case) -> Outcome:
    """The command with the fault, and then without it on what is left."""
    outcome = runner.run(case, fault=(fault.kind, fault.amount))
    if outcome.code in _ENDS.get(fault.kind, ()) and outcome.what.startswith(("exit", "signal")):
        outcome = evolve(outcome, kind="typed", what="")
    if fault.kind == "SIGKILL" and outcome.what.startswith("changed tmp/"):  # nobody was there to clean up
        outcome = evolve(outcome, kind="typed", what="")
    if outcome.kind == "bad":
        return outcome
    again = runner.run(_once_more(case), fresh=False)
    if again.code:
        return evolve(again, kind="bad", what=f"afterwards: exit {again.code}: {again.err.strip()[-200:]}")
    return outcome


def _once_more(case: Case) -> Case:
    """The command as its user would give it again: a bundle that is there by now is to be replaced."""
    if case.arguments[0] == "compile" and "--overwrite" not in case.arguments:
        return evolve(case, arguments=(*case.arguments, "--overwrite"))
    return case
