"""A process that reads models with the toolchain of its own interpreter: one job from the host, one answer.

What toolchains print goes to stderr, which the host keeps; only the answer goes to the host.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from attrs import Factory, evolve, frozen

from zif.errors import StageFailed, ZifError
from zif.evaluation.drift.reading import Reading, pack, place, unpacked
from zif.files.documents import json_of
from zif.files.leftovers import private_folder
from zif.files.records import record
from zif.files.wording import json_text

if TYPE_CHECKING:
    from zif.planning.plan import Plan
    from zif.runtime.to_bundle import Compilation

#: Both sides speak this; a process of another zif says so instead of guessing.
PROTOCOL = 1


@frozen
class Job:
    """What the host wants: `models` by name and path, each with the dtypes of its inputs and how many sets of them lie
    in `inputs`; the answer's arrays go to `outputs`. wishes: as `zif.compile` takes them."""

    protocol: int
    names: tuple[str, ...]
    paths: tuple[str, ...]
    target: str
    inputs: str
    outputs: str
    kinds: tuple[Mapping[str, str], ...]
    sets: tuple[int, ...]
    wishes: Mapping[str, Any] = Factory(dict)


def main() -> None:
    """Do the job on stdin."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever toolchains print is no answer
    try:
        job = record(Job, json_of(sys.stdin.read(), "the job", StageFailed), "the job", StageFailed)
        if job.protocol != PROTOCOL:
            raise StageFailed(f"the host speaks protocol {job.protocol} and this environment's zif {PROTOCOL}")
        told: dict[str, Any] = {"readings": [attrs.asdict(read(job, number)) for number in range(len(job.names))]}
    except ZifError as error:
        told = {"error": type(error).__name__, "message": str(error)}
    answers.write(json_text(told) + "\n")
    answers.flush()


def read(job: Job, number: int) -> Reading:
    """One model: planned, built and run. What it cannot is in the reading, not raised."""
    reading = Reading(job.names[number], inputs=job.kinds[number], sets=job.sets[number])
    with private_folder("zif-drift-") as scratch:
        try:
            made = _compiled(job, number, scratch / "bundle")
        except ZifError as error:
            return evolve(reading, plan=_planned(job, number), failure=f"it is not built: {_first(error)}")
        plan = made.plans[next(iter(made.plans))]
        reading = evolve(reading, plan=plan.to_json(), bytes=_bytes(made.folder, plan))
        try:
            outputs = _run(job, number, made.folder)
        except ZifError as error:
            return evolve(reading, failure=f"it is built and does not run: {_first(error)}")
    return evolve(reading, outputs=outputs)


def _compiled(job: Job, number: int, folder: Path) -> Compilation:
    """Not held against the CPU: what the toolchain itself computes is the question here."""
    from zif.runtime import verbs

    return verbs.compile(job.paths[number], folder, job.target, verify=False, **job.wishes)


def _planned(job: Job, number: int) -> Mapping[str, Any] | None:
    from zif.runtime import verbs

    try:
        return verbs.plan(job.paths[number], job.target, **job.wishes).to_json()
    except ZifError:  # the failure to build has said why
        return None


def _bytes(folder: Path, plan: Plan) -> dict[str, int]:
    """What a bundle's artifacts take, by backend; what two of them share counts for each."""
    from zif.artifacts.bundle.manifest import read_manifest

    manifest, _ = read_manifest(folder)
    backends = {segment.id: segment.backend for segment in plan.segments}
    sizes: Counter[str] = Counter()
    for row in manifest.artifacts:
        sizes[backends[row.segment]] += sum(manifest.files[name].bytes for name in row.files.values())
    return dict(sizes)


def _run(job: Job, number: int, bundle: Path) -> dict[str, str]:
    """Run every set; the outputs go into files, their dtypes are returned."""
    from zif.runtime import verbs

    kinds: dict[str, str] = {}
    with verbs.load(bundle) as session:
        for count in range(job.sets[number]):
            fed = unpacked(Path(job.inputs, place(number, "inputs", count)), job.kinds[number])
            outputs = {name: value for name, value in session.run(fed).items() if isinstance(value, np.ndarray)}
            kinds = pack(Path(job.outputs, place(number, "outputs", count)), outputs)
    return kinds


def _first(error: ZifError) -> str:
    """A message's first line, with what is set in below it."""
    lines: Sequence[str] = str(error).splitlines()
    return " ".join(line.strip() for line in lines[:3])


if __name__ == "__main__":
    main()
