"""For `zif doctor`: each of Qualcomm's libraries, loaded and started, and the SDK if the user has one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from zif.plugin import Check

from zif_qnn_runtime.health import Status, status
from zif_qnn_runtime.libraries import INSTALL, LIBRARIES, SDK_VARIABLE, STEMS, ep_library, file_name, sdk_folder

_USES = {
    "htp": "compiles for and runs on the Hexagon NPU",
    "gpu": "runs on the Adreno GPU",
    "cpu": "is Qualcomm's own CPU backend; zif uses ONNX Runtime's",
    "ir": "writes DLC files",
    "saver": "writes C source",
    "system": "reads context binaries",
}
#: What the SDK's own tools would be called; zif needs none of them.
_TOOLS = ("qnn-onnx-converter", "qnn-model-lib-generator", "qnn-context-binary-generator", "qnn-net-run")
#: What Qualcomm's libraries look at: where they lie, and where the DSP finds its half of them.
_VARIABLES = ("QNN_", "ADSP_")


def checks() -> Iterator[Check]:
    """The provider, every library, and the SDK."""
    provider = ep_library()
    if provider.path is None:
        yield Check("QNN provider of ONNX Runtime", "broken", provider.reason, INSTALL, variables=_VARIABLES)
    else:
        yield Check("QNN provider of ONNX Runtime", "works", str(provider.path), variables=_VARIABLES)
    with ThreadPoolExecutor() as pool:
        yield from map(_library, pool.map(partial(status, fresh=True), LIBRARIES))
    yield _sdk()


def _library(status: Status) -> Check:
    name = f"{file_name(STEMS[status.name])}, which {_USES[status.name]}"
    if status.available:
        many = f"{len(status.operators)} operators" if status.operators else ""
        kind = status.kind if status.name in ("htp", "gpu") else ""
        return Check(name, "works", ", ".join(filter(None, (kind, status.build, many, str(status.path)))))
    needed = status.name == "htp"
    return Check(name, "broken" if needed else "absent", status.reason, INSTALL if needed and not status.path else "")


def _sdk() -> Check:
    root = os.environ.get(SDK_VARIABLE, "")
    tools = [tool for tool in _TOOLS if shutil.which(tool)]
    have = f"; on PATH: {', '.join(tools)}" if tools else ""
    if not root:
        return Check("Qualcomm's SDK", "absent", f"{SDK_VARIABLE} is not set; nothing needs it{have}")
    folder, problem = sdk_folder()
    if problem or folder is None:
        return Check("Qualcomm's SDK", "broken", problem or f"{root} has no libraries for this machine")
    return Check("Qualcomm's SDK", "works", f"libraries from {folder} come first{have}")
