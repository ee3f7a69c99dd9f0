"""behaviour: an executable is a good neighbour inside a host application."""

from __future__ import annotations

import gc
import itertools
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from zif.errors import ZifError
from zif.model import Model
from zif.records import SupportsBinding
from zif.testing.held import held, steadily_more
from zif.testing.networks import Network, fork, perceptron
from zif.testing.plugin import not_claimed
from zif.testing.subject import Subject
from zif.testing.tolerance import TOLERANCE


def loaded(subject: Subject, network: Network) -> Any:
    """An executable of the network, which the backend has to claim."""
    model = Model.load(network.model)
    if not subject.claims(model):
        not_claimed(network.name)
    return subject.load(model)


def test_inputs_are_left_untouched(device: Subject) -> None:
    """A run writes neither to its inputs' data nor to the mapping."""
    network = fork()
    executable = loaded(device, network)
    inputs = {name: value.copy() for name, value in network.inputs.items()}
    executable.run(inputs)
    executable.close()
    assert list(inputs) == list(network.inputs)
    for name, value in network.inputs.items():
        np.testing.assert_array_equal(inputs[name], value)


def test_read_only_inputs_are_taken(device: Subject) -> None:
    """An array that cannot be written to is an input like any other."""
    network = fork()
    executable = loaded(device, network)
    frozen = {name: value.copy() for name, value in network.inputs.items()}
    for value in frozen.values():
        value.flags.writeable = False
    executable.run(frozen)
    executable.close()


def test_the_same_input_gives_the_same_output(device: Subject) -> None:
    """Bit for bit, twice, and also after another input in between."""
    network = perceptron()
    executable = loaded(device, network)
    first = {name: np.copy(value) for name, value in executable.run(network.inputs).items()}
    executable.run({name: value + 1 for name, value in network.inputs.items()})
    again = executable.run(network.inputs)
    executable.close()
    np.testing.assert_array_equal(first["y"], again["y"])


def test_an_output_is_not_overwritten_by_the_next_run(device: Subject) -> None:
    """What was returned stays what it was."""
    network = perceptron()
    executable = loaded(device, network)
    kept = executable.run(network.inputs)["y"]
    copy = np.copy(kept)
    for step in range(3):
        executable.run({name: value + step + 1 for name, value in network.inputs.items()})
    executable.close()
    np.testing.assert_array_equal(kept, copy)


def test_two_at_once_do_not_mix(device: Subject) -> None:
    """Two executables of different models, run in turns."""
    session = loaded(device, perceptron())
    first = np.copy(session.run(perceptron().inputs)["y"])  # while it is alone
    two = loaded(device, fork())
    other = {name: np.copy(value) for name, value in two.run(fork().inputs).items()}
    np.testing.assert_array_equal(session.run(perceptron().inputs)["y"], first)
    for name, value in two.run(fork().inputs).items():
        np.testing.assert_array_equal(value, other[name])
    session.close()
    two.close()


def test_threads_get_their_own_answers(device: Subject) -> None:
    """Four threads on one executable, each with inputs of its own."""
    network = perceptron()
    executable = loaded(device, network)
    inputs = [{name: value + i for name, value in network.inputs.items()} for i in range(4)]
    alone = [np.copy(executable.run(sample)["y"]) for sample in inputs]
    errors: list[str] = []

    def work(number: int) -> None:
        for _ in range(10):
            try:
                if not np.array_equal(executable.run(inputs[number])["y"], alone[number]):
                    errors.append(f"thread {number} got another answer")
            except Exception as error:
                errors.append(f"thread {number}: {error}")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    executable.close()
    assert errors == []


def test_close_may_be_called_twice(device: Subject) -> None:
    """The second close does nothing."""
    executable = loaded(device, perceptron())
    executable.close()
    executable.close()


def test_dtypes_and_shapes_are_as_declared(device: Subject) -> None:
    """Outputs have the element type and the shape that the model says."""
    network = fork()
    executable = loaded(device, network)
    outputs = executable.run(network.inputs)
    executable.close()
    for name, want in network.outputs.items():
        assert outputs[name].dtype == want.dtype
        assert outputs[name].shape == want.shape


def test_bound_runs_give_what_runs_give(device: Subject) -> None:
    """A backend that can bind core's buffers writes into them what `run` would return, and nothing else."""
    network = perceptron()
    executable = loaded(device, network)
    binding = executable if isinstance(executable, SupportsBinding) else None
    if binding is None:
        executable.close()
        not_claimed("bound buffers")
    want = np.copy(executable.run(network.inputs)["y"])
    source = {name: np.array(value) for name, value in network.inputs.items()}
    sink = {"y": np.full_like(want, 7)}
    rest = binding.bind(source, sink)({})
    assert "y" not in rest
    np.testing.assert_array_equal(sink["y"], want)
    executable.close()


def test_fifty_cycles_do_not_leak(device: Subject) -> None:
    """Load, run and close fifty times: after the first ten, host and workers hold hardly more than they did."""
    network = perceptron()
    model = Model.load(network.model)
    if not device.claims(model):
        not_claimed(network.name)
    artifact, options = device.compiled(model), device.options()
    seen, looks = [], []
    for cycle in range(50):
        executable = device.backend.load(artifact, options)
        executable.run(network.inputs)
        executable.close()
        if cycle % 8 == 1:
            looks.append(held())
        if cycle in (9, 49):
            gc.collect()
            seen.append(_held())
    grown = [after - before for before, after in itertools.pairwise(looks)]
    assert not steadily_more(grown), (
        f"MiB of memory after every 8 cycles: {', '.join(f'{growth:.1f}' for growth in grown)}"
    )
    for what, most in MOST.items():
        more = seen[1][what] - seen[0][what]
        assert more <= most, f"{more:.0f} more {what} after 40 cycles of load, run and close"


#: How much more of each may be held after forty more cycles: an allocator keeps some memory, a pool a thread or two.
MOST = {"MiB of memory": 64, "open files": 8, "threads": 8, "processes": 1}


def _held() -> dict[str, float]:
    """What this process and those that it started hold."""
    this = psutil.Process()
    all_of_us = (this, *this.children(recursive=True))
    return {
        "MiB of memory": sum(segment.memory_info().rss for segment in all_of_us) / 2**20,
        "open files": sum(segment.num_fds() for segment in all_of_us) if hasattr(this, "num_fds") else 0,
        "threads": sum(segment.num_threads() for segment in all_of_us),
        "processes": len(all_of_us),
    }


def test_wrong_inputs_are_refused_with_our_errors(device: Subject) -> None:
    """A session in front of the executable names the tensor; the host sees a ZifError."""
    from zif.runtime import verbs

    network = perceptron()
    if not device.claims(Model.load(network.model)):
        not_claimed(network.name)
    with verbs.load(network.model, target=device.target.name, only=[device.backend.name], emulate=True) as session:
        for wrong in ({}, {"x": np.zeros((3, 9), np.float32)}, {"x": np.zeros((2, 8), np.int64)}):
            with pytest.raises(ZifError, match="x"):
                session.run(wrong)
        outputs = session.run(network.inputs)
    rtol, atol = TOLERANCE.get(device.general.preferred_precision, TOLERANCE["fp32"])
    np.testing.assert_allclose(outputs["y"], network.outputs["y"], rtol=rtol, atol=atol * 10)


LOOP = """
import signal, sys, zif
from zif.testing.networks import perceptron
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started deaf to it
network = perceptron()
with zif.load(network.model, target=sys.argv[2], only=[sys.argv[1]], emulate=True) as session:
    session.run(network.inputs)
    print("running", flush=True)
    while True:
        session.run(network.inputs)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="skipped: signals work otherwise there")
def test_ctrl_c_ends_the_host_quickly(device: Subject, tmp_path: Path) -> None:
    """An interrupt in the middle of runs ends the process, and no worker is left behind."""
    network = perceptron()
    if not device.claims(Model.load(network.model)):
        not_claimed(network.name)
    arguments = [sys.executable, "-c", LOOP, device.backend.name, device.target.name]
    log = tmp_path / "stderr"  # a file: a process that is left behind would hold a pipe open
    with log.open("w") as errors, subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=errors) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"running", log.read_text()
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        deaf = _had_to_be_killed(process)
    _, alive = psutil.wait_procs(children, timeout=30)
    for child in alive:
        child.kill()
    assert not deaf, f"the host still ran {PATIENCE} s after Ctrl-C: something swallows KeyboardInterrupt"
    assert process.returncode != 0
    assert "Segmentation" not in log.read_text()
    assert alive == [], "a process that the backend started has outlived the host"


#: Seconds after which nobody believes any more that Ctrl-C has been heard.
PATIENCE = 60


def _had_to_be_killed(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return True
    return False
