"""Compiles a model with ONNX Runtime and Qualcomm's provider alone: what anybody without zif would have.

python compile_alone.py MODEL.onnx CONTEXT.onnx EMBED SOC_MODEL
"""

import sys
from pathlib import Path

import onnxruntime as ort
import onnxruntime_qnn

QNN = "QNNExecutionProvider"


def main(model: str, made: str, embed: str, soc_model: str) -> None:
    folder = Path(onnxruntime_qnn.__file__).parent
    ort.register_execution_provider_library(QNN, str(folder / "libonnxruntime_providers_qnn.so"))
    device = next(one for one in ort.get_ep_devices() if one.ep_name == QNN)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    chip = {"backend_path": str(folder / "libQnnHtp.so"), "soc_model": soc_model}
    options.add_provider_for_devices([device], chip)
    options.add_session_config_entry("ep.context_enable", "1")
    options.add_session_config_entry("ep.context_embed_mode", embed)
    options.add_session_config_entry("ep.context_file_path", made)
    ort.InferenceSession(model, options)
    assert "zif" not in sys.modules


if __name__ == "__main__":
    main(*sys.argv[1:])
