"""A bundle of several chips as a model package, which ONNX Runtime itself opens, without zif."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zif
from qnn_htp.as_user import entry

pytestmark = pytest.mark.usefixtures("htp")
CHIPS = ("snapdragon-8-gen-3", "snapdragon-8-elite")
PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np, onnxruntime as ort, onnxruntime_qnn
package, given, made = sys.argv[1:]
folder, name = Path(onnxruntime_qnn.__file__).parent, "QNNExecutionProvider"
ort.register_execution_provider_library(name, str(folder / "libonnxruntime_providers_qnn.so"))
options = ort.SessionOptions()
options.log_severity_level = 3
device = next(one for one in ort.get_ep_devices() if one.ep_name == name)
options.add_provider_for_devices([device], {"backend_path": str(folder / "libQnnHtp.so")})
context = ort.ModelPackageContext(package)
taken = context.select_component("model", ort.ModelPackageOptions(options))
session = taken.create_session(options)
feeds = np.load(given)
outputs = session.run(None, {one.name: feeds[one.name] for one in session.get_inputs()})
np.savez(made, *outputs)
said = ort.ModelPackage.open(package).get_info()["components"][0]["variants"]
assert "zif" not in sys.modules
print(json.dumps({"taken": taken.get_selected_variant_name(), "said": said}))
"""


def test_it_is_opened_by_onnx_runtime_and_gives_the_same(tmp_path: Path) -> None:
    one = entry("mtcnn-rnet")
    made = zif.compile(one.path, tmp_path / "net.zif", CHIPS, shapes=one.shapes, verify=False)
    written = zif.export(made.folder, tmp_path / "pkg", "onnxruntime-package")
    assert set(written.facts["variants"]) == set(CHIPS)
    feeds = one.inputs()
    np.savez(tmp_path / "in.npz", **feeds)
    command = [sys.executable, "-c", PROGRAM, *map(str, (tmp_path / "pkg", tmp_path / "in.npz", tmp_path / "out.npz"))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["taken"] in CHIPS
    strings = {row["name"]: row["compatibility_string"].split(":") for row in told["said"]}
    assert [strings[chip][4:7] for chip in CHIPS] == [["75", "57", "8"], ["79", "69", "8"]]
    with zif.load(made.folder, told["taken"]) as session, np.load(tmp_path / "out.npz") as found:
        ours = session.run(feeds)
        for number, name in enumerate(ours):
            assert np.array_equal(found[f"arr_{number}"], ours[name]), name
