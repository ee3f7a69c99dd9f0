"""Runs an exported model with ONNX Runtime and Qualcomm's provider alone: no zif, no fallback of what was compiled.

python alone.py MODEL.onnx INPUTS.npz OUTPUTS.npz: prints, as JSON, which provider took how many nodes.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import onnxruntime_qnn

QNN = "QNNExecutionProvider"


def providers(model: str) -> list[str]:
    """What the file says that it is to be opened with."""
    import onnx

    props = onnx.load(model, load_external_data=False).metadata_props
    return next(prop.value for prop in props if prop.key == "zif.providers").split(",")


def main(model: str, inputs: str, outputs: str) -> None:
    folder = Path(onnxruntime_qnn.__file__).parent
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if QNN in providers(model):
        ort.register_execution_provider_library(QNN, str(folder / "libonnxruntime_providers_qnn.so"))
        device = next(one for one in ort.get_ep_devices() if one.ep_name == QNN)
        options.add_provider_for_devices([device], {"backend_path": str(folder / "libQnnHtp.so")})
    session = ort.InferenceSession(model, options, enable_fallback=0)
    session.disable_fallback()
    given = np.load(inputs)
    names = [one.name for one in session.get_outputs()]
    made = session.run(names, {one.name: given[one.name] for one in session.get_inputs()})
    np.savez(outputs, **{f"v{number}": value for number, value in enumerate(made)}, names=np.array(names))
    took: dict[str, list[str]] = {}
    for part in session.get_provider_graph_assignment_info():
        took.setdefault(part.ep_name, []).extend(node.op_type for node in part.get_nodes())
    assert "zif" not in sys.modules
    assert "EPContext" not in took.get("CPUExecutionProvider", [])
    print(json.dumps(took))


if __name__ == "__main__":
    main(*sys.argv[1:])
