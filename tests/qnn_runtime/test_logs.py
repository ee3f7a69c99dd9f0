from __future__ import annotations

import os
import subprocess
import sys

import pytest
from zif_qnn_runtime import captured


def test_native_output_goes_to_the_file_and_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    with captured() as path:
        os.write(1, b"from native code\n")
        subprocess.run([sys.executable, "-c", "import sys; print('child', file=sys.stderr)"], check=True)
        inside = path.read_text()
    print("after")
    assert inside == "from native code\nchild\n"
    assert capfd.readouterr().out == "after\n"


def test_streams_are_restored_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), captured():
        raise RuntimeError
    os.write(1, b"back\n")
    assert capfd.readouterr().out == "back\n"


def test_who_has_listened_leaves_the_engine_quiet() -> None:
    """The host's own sessions wrote every step to the terminal after a question to the compiler in its process."""
    program = """if True:
        import onnxruntime
        from onnx import parser
        from zif_qnn_runtime.logs import VERBOSE, listen
        with listen(VERBOSE):
            pass
        text = '<ir_version: 9, opset_import: ["": 17]> g (float[4] x) => (float[4] y) { y = Relu(x) }'
        onnxruntime.InferenceSession(parser.parse_model(text).SerializeToString())
    """
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")
