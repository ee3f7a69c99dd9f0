"""manners: what a backend does beside its work, in a process that is the host's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zif.model import Model
from zif.testing.networks import perceptron
from zif.testing.plugin import not_claimed
from zif.testing.subject import Subject
from zif.testing.tolerance import difference, tolerance


@pytest.fixture(scope="module")
def manners(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[str]]]:
    """What `zif.testing.manners` saw in a folder of its own."""
    if not subject.general.available:
        pytest.skip(f"unavailable: {subject.general.reason}")
    folder = tmp_path_factory.mktemp("manners")
    temporary = folder / "tmp"
    temporary.mkdir()
    place = {**os.environ, "TMPDIR": str(temporary), "TEMP": str(temporary), "TMP": str(temporary)}
    command = [sys.executable, "-m", "zif.testing.manners", subject.backend.name, subject.target.name]
    done = subprocess.run(command, env=place, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    seen: dict[str, dict[str, list[str]]] = json.loads(done.stdout.splitlines()[-1])
    return seen


def _in_the_host(subject: Subject) -> None:
    if subject.general.isolate:
        not_claimed("the host's own process: it runs in a worker")


def test_asking_leaves_no_file(manners: dict[str, dict[str, list[str]]]) -> None:
    """What `capabilities` writes is gone when it answers, but for what zif's cache folder keeps for it."""
    assert manners["files"].get("capabilities", []) == []


def test_no_stage_leaves_a_file_behind(manners: dict[str, dict[str, list[str]]]) -> None:
    """The temporary folder and the working directory are as they were when all is closed."""
    assert manners["left"] == {}, "these were left in the temporary folder or the working directory"


def test_nothing_is_printed_to_stdout(device: Subject, manners: dict[str, dict[str, list[str]]]) -> None:
    """stdout is the host's: a document may be on its way there."""
    _in_the_host(device)
    assert manners["stdout"] == {}


def test_global_state_stays_as_it_was(device: Subject, manners: dict[str, dict[str, list[str]]]) -> None:
    """Signals, environment, locale and the like are the host's; a backend that must change them asks to be isolated."""
    _in_the_host(device)
    assert manners["state"] == {}


def test_no_hook_forks(device: Subject, manners: dict[str, dict[str, list[str]]]) -> None:
    """A fork copies the host with the locks that its threads hold: start a process with subprocess instead."""
    _in_the_host(device)
    assert manners["forks"] == {}


def test_runs_keep_no_memory(device: Subject) -> None:
    """Run after run, host and workers hold no more: not a little more at every look, and not much more in the end."""
    from zif.testing.held import steadily_more, takes

    network = perceptron()
    model = Model.load(network.model)
    if not device.claims(model):
        not_claimed(network.name)
    executable = device.load(model)
    grown = takes(lambda: executable.run(network.inputs), times=20, looks=6)
    executable.close()
    assert not steadily_more(grown), (
        f"MiB of memory after every 20 runs: {', '.join(f'{growth:.1f}' for growth in grown)}"
    )


MAKE = """
import sys, zif
from zif.testing.networks import perceptron
if __name__ == "__main__":
    name, chip, bundle = sys.argv[1:]
    zif.compile(perceptron().model, bundle, target=chip, only=[name], emulate=True, cache=False, verify=False)
"""
RUN = """
import sys, numpy as np, zif
from zif.testing.networks import perceptron
if __name__ == "__main__":
    with zif.load(sys.argv[1], emulate=True) as session:
        np.savez(sys.argv[2], **session.run(perceptron().inputs))
"""


def test_a_bundle_that_moved_runs_elsewhere(device: Subject, tmp_path: Path) -> None:
    """Made in one place, carried to another, where nothing of the first is left: a bundle is all that it takes."""
    network = perceptron()
    if not device.claims(Model.load(network.model)):
        not_claimed(network.name)
    here, there = tmp_path / "here", tmp_path / "there"
    _child(MAKE, here, device.backend.name, device.target.name, str(here / "bundle"))
    there.mkdir()
    (here / "bundle").rename(there / "carried")
    shutil.rmtree(here)
    _child(RUN, there, str(there / "carried"), str(there / "made.npz"))
    with np.load(there / "made.npz") as made:
        for name, want in network.outputs.items():
            rtol, atol = tolerance(want.dtype, device.general.preferred_precision)
            assert difference(made[name], want.astype(np.float32), rtol, atol) == ""


def _child(code: str, folder: Path, *arguments: Any) -> None:
    """Run a script in a folder that has a temporary folder of its own."""
    (folder / "tmp").mkdir(parents=True)
    script = folder / "script.py"
    script.write_text(code)
    place = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder / "tmp"))}
    command = [sys.executable, str(script), *arguments]
    done = subprocess.run(command, env=place, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
