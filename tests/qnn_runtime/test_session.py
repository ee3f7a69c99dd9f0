from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator
from qnn_runtime.graphs import CHIP, cnn, single
from zif.errors import BackendUnavailable
from zif_qnn_runtime import ProviderOptions, QnnError, assignment, libraries, open_session

pytestmark = pytest.mark.usefixtures("htp")
OPTIONS = ProviderOptions(soc_model=CHIP)


def test_whole_graph_runs_on_qnn_in_fp16() -> None:
    model = cnn()
    session = open_session(model.SerializeToString(), "htp", OPTIONS)
    assert set(assignment(session)) >= {"conv", "relu", "pool"}
    assert assignment(session, elsewhere=True) == ()
    x = np.random.default_rng(1).normal(size=(1, 3, 16, 16)).astype(np.float32)
    (given,), (wanted,) = session.run(None, {"x": x}), ReferenceEvaluator(model).run(None, {"x": x})
    np.testing.assert_allclose(given, wanted, rtol=5e-3, atol=5e-3)
    assert not np.array_equal(given, wanted)  # it is no fp32 engine in disguise


def test_unsupported_node_is_an_error_and_no_fallback() -> None:
    with pytest.raises(QnnError, match="nodes: erf") as caught:
        open_session(cnn(erf=True).SerializeToString(), "htp", OPTIONS)
    assert caught.value.kind == "unassigned"
    assert caught.value.nodes == ("erf",)


def test_unknown_chip_is_an_error() -> None:
    with pytest.raises(QnnError, match="did not start"):
        open_session(cnn().SerializeToString(), "htp", ProviderOptions(soc_model=10_000))


def test_missing_library_is_unavailable() -> None:
    if libraries.find("cpu").path is not None:
        pytest.skip("libQnnCpu is here")
    with pytest.raises(BackendUnavailable, match="libQnnCpu"):
        open_session(cnn().SerializeToString(), "cpu", ProviderOptions())


def test_gpu_that_cannot_start_is_an_error_and_no_fallback() -> None:
    if libraries.machine() != "x86_64":
        pytest.skip("there may be a GPU")
    # Finalizing is what fails in a process that has asked it before with stand-ins for its compilers.
    with pytest.raises(QnnError, match="CANNOT_INITIALIZE|FINALIZE_FAILED"):
        open_session(cnn().SerializeToString(), "gpu", ProviderOptions())


def test_junk_is_an_error() -> None:
    with pytest.raises(QnnError):
        open_session(b"junk", "htp", OPTIONS)


def test_the_library_is_registered_once_and_its_devices_are_there() -> None:
    code = (
        "import onnxruntime; from zif_qnn_runtime import register; calls = []\n"
        "real = onnxruntime.register_execution_provider_library\n"
        "onnxruntime.register_execution_provider_library = lambda *given: (calls.append(given), real(*given))\n"
        "have = lambda: [one.ep_name for one in onnxruntime.get_ep_devices()].count('QNNExecutionProvider')\n"
        "before = have(); register(); once = have(); register(); print(before, once > 0, have() == once, len(calls))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0 True True 1\n"


def test_nothing_is_written_to_the_terminal() -> None:
    program = (
        "from qnn_runtime.graphs import single; from zif_qnn_runtime import *\n"
        "open_session(single('Relu').SerializeToString(), 'htp', ProviderOptions(soc_model=57))\n"
        "try: open_session(single('Erf').SerializeToString(), 'htp', ProviderOptions(soc_model=57))\n"
        "except QnnError: print('refused')"
    )
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert (done.stdout, done.stderr) == ("refused\n", "")


def test_dynamic_shape_is_not_taken() -> None:
    with pytest.raises(QnnError):
        open_session(single("Relu", shape=("N", 8)).SerializeToString(), "htp", OPTIONS)
