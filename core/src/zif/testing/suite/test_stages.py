"""stages: convert, compile, load and run, with artifacts that say where they come from and work elsewhere."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import onnx
import pytest

from zif.artifacts.hashed import write_file
from zif.backends.backend import content_digest
from zif.errors import ZifError
from zif.model import Model
from zif.records import Compiled
from zif.testing.networks import NETWORKS, Network, perceptron
from zif.testing.plugin import not_claimed
from zif.testing.subject import Subject
from zif.testing.tolerance import difference, tolerance


def claimed(subject: Subject, network: Network) -> Model:
    """The network as a model, which the backend has to claim."""
    model = Model.load(network.model)
    if not subject.claims(model):
        not_claimed(network.name)
    return model


def check(subject: Subject, network: Network, outputs: Any) -> None:
    """The outputs are numpy's, within the tolerance of the backend's precision."""
    for name, want in network.outputs.items():
        rtol, atol = tolerance(want.dtype, subject.general.preferred_precision)
        assert difference(outputs[name], want.astype(np.float32), rtol, atol) == ""


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_runs_a_tiny_network(device: Subject, make: Any) -> None:
    """The answer is numpy's, within the tolerance of the backend's precision."""
    network = make()
    claimed(device, network)
    check(device, network, device.run(network.model, network.inputs))


def test_the_artifact_has_its_birth_certificate(device: Subject) -> None:
    """Who made it, with what, for which target; and the digest fits the files."""
    artifact = device.compiled(claimed(device, perceptron()))
    born = artifact.certificate
    assert born is not None
    assert (born.backend, born.version, born.target) == (
        device.backend.name,
        device.backend.version,
        device.target.name,
    )
    assert born.toolchain == device.general.toolchain
    assert born.digest == content_digest(artifact)
    assert artifact.main in artifact.files
    assert {info.name for info in artifact.outputs} == {"y"}


def test_another_backends_artifact_is_refused(device: Subject) -> None:
    """An artifact that somebody else made is not opened."""
    artifact = device.compiled(claimed(device, perceptron()))
    assert artifact.certificate is not None
    foreign = attrs.evolve(artifact, certificate=attrs.evolve(artifact.certificate, backend="somebody_else"))
    with pytest.raises(ZifError):
        device.backend.load(foreign, device.options())
    if artifact.certificate is not None and "compile" in device.backend.stages:
        wrong = attrs.evolve(artifact, format="somebody-elses-format", files={artifact.main: b"\x00" * 64})
        with pytest.raises(ZifError):
            device.backend.load(wrong, device.options()).run(perceptron().inputs)


RUN = """
import pickle, sys, zif
from zif.backends.apart import stand_in
from zif.targets import target
if __name__ == "__main__":
    name, chip, path = sys.argv[1:]
    artifact, inputs = pickle.load(open(path, "rb"))
    backend, where = zif.backend(name), target(chip)
    one = stand_in(backend, backend.capabilities(where), where)
    executable = one.load(artifact, one.options({}, where))
    outputs = dict(executable.run(inputs))
    executable.close()
    pickle.dump(outputs, open(path + ".out", "wb"))
"""


def test_loads_in_another_process(device: Subject, tmp_path: Path) -> None:
    """The artifact is self-contained: a fresh interpreter opens it and gets the same answer."""
    network = perceptron()
    path = tmp_path / "artifact"
    path.write_bytes(pickle.dumps((device.compiled(claimed(device, network)), dict(network.inputs))))
    script = tmp_path / "run.py"
    script.write_text(RUN)
    arguments = [sys.executable, str(script), device.backend.name, device.target.name, str(path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    check(device, network, pickle.loads(path.with_name("artifact.out").read_bytes()))


def moved(artifact: Compiled, folder: Path) -> Compiled:
    """The artifact as it comes out of a bundle: every file on disk, under a name of core's choice."""
    files: dict[str, bytes | Path] = {}
    for number, (name, content) in enumerate(artifact.files.items()):
        place = f"{number:02d}/renamed-{number}.bin"
        folder.mkdir(exist_ok=True)
        write_file(content, folder, place)
        files[name] = folder / place
    return attrs.evolve(artifact, files=files)


def answer(subject: Subject, artifact: Compiled, network: Network) -> dict[str, Any]:
    """Load, run once, close."""
    executable = subject.backend.load(artifact, subject.options())
    try:
        return dict(executable.run(network.inputs))
    finally:
        executable.close()


def test_files_may_have_other_names(device: Subject, tmp_path: Path) -> None:
    """An artifact is opened by `compiled.files[name]`: a bundle keeps files where it likes, in folders of its own."""
    network = perceptron()
    artifact = moved(device.compiled(claimed(device, network)), tmp_path)
    check(device, network, answer(device, artifact, network))


def test_weights_in_a_file_of_their_own(device: Subject, tmp_path: Path) -> None:
    """A model with external weights gives the same answer, also when that file is renamed."""
    network = perceptron()
    proto = onnx.ModelProto()
    proto.CopyFrom(network.model)
    onnx.save(proto, tmp_path / "m.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    model = Model.load(tmp_path / "m.onnx")
    if not device.claims(model):
        not_claimed(f"{network.name} with external weights")
    check(device, network, answer(device, moved(device.compiled(model), tmp_path / "moved"), network))


def test_every_option_is_read(device: Subject) -> None:
    """No option is ignored: some stage reads it, by itself or when another option is set."""
    if not attrs.fields(device.general.options):
        not_claimed("options")
    claimed(device, perceptron())
    arguments = [sys.executable, "-m", "zif.testing.unread_options", device.backend.name, device.target.name]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    unread = json.loads(done.stdout.splitlines()[-1])
    assert unread == [], "these options are declared, and no stage reads them"


def test_compiling_again_gives_the_same_answer(device: Subject) -> None:
    """compile is a function of its arguments, as far as results go."""
    network = perceptron()
    claimed(device, network)
    first, second = (device.run(network.model, network.inputs) for _ in range(2))
    np.testing.assert_array_equal(first["y"], second["y"])


def test_the_hook_gives_what_the_executable_gives(device: Subject) -> None:
    """execute and executable.run agree, bit for bit."""
    network = perceptron()
    executable = device.load(claimed(device, network))
    direct = executable.run(network.inputs)
    hooked = device.backend.execute(executable, network.inputs)
    executable.close()
    np.testing.assert_array_equal(direct["y"], hooked["y"])
