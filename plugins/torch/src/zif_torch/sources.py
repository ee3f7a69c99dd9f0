"""What a source is, found out without torch and without running anything of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zif import InvalidModel
from zif.plugin import Named, Recognized, imports_any, open_plain, versions, zip_members

from zif_torch.pickles import foreign_in, foreign_in_program

#: What code that makes a model imports.
_PACKAGES = ("torch", "torchvision", "timm", "transformers")
_SCRIPT, _PROGRAM, _PICKLED = "a TorchScript module", "a PyTorch exported program", "a pickled PyTorch module"
_STATE = (
    "it holds arrays and no operators. Build the module in a file, load them into it, and convert that: "
    "`zif convert net.py:make --shape x=1,3,224,224 -o net.onnx`, with\n"
    "  def make():\n      net = Net()\n"
    "      net.load_state_dict(torch.load('{name}', weights_only=True))\n      return net"
)


def recognized(source: Any) -> Recognized | None:
    """The answer of the hook `recognize`."""
    if isinstance(source, Path):
        return _file(source) if source.is_file() else None
    if isinstance(source, Named):
        return (
            Recognized("a PyTorch model made by Python code", toolchain()) if imports_any(source, _PACKAGES) else None
        )
    kinds = {f"{kind.__module__.partition('.')[0]}" for kind in type(source).__mro__}
    return Recognized(f"a PyTorch {type(source).__name__}", toolchain()) if "torch" in kinds else None


def toolchain() -> str:
    """torch and the exporter, with their versions."""
    return versions({"torch": "torch", "torchvision": "torchvision", "onnxscript": "onnxscript"})


def kind_of(path: Path) -> str:
    """ "script", "program", "pickle", or "" for what is not PyTorch's."""
    with open_plain(path, InvalidModel) as stream:
        head = stream.read(16)
    if head.startswith(b"PK\x03\x04"):
        names = zip_members(path)
        last = {name.rpartition("/")[2] for name in names}
        if {"archive_format", "serialized_exported_program.json"} & last:
            return "program"
        if "data.pkl" in last:
            return "script" if "constants.pkl" in last or any("/code/" in name for name in names) else "pickle"
        return ""
    return "pickle" if head[:2] == b"\x80\x02" and head[2:4] == b"\x8a\x0a" else ""


def _file(path: Path) -> Recognized | None:
    kind = kind_of(path)
    if kind == "script":  # torch's own reader of these knows tensors, plain values and the script's classes only
        return Recognized(_SCRIPT, toolchain(), (str(path),))
    if kind == "program":
        return Recognized(_PROGRAM, toolchain(), (str(path),), runs=_told(foreign_in_program(path)))
    if kind != "pickle":
        return None
    foreign = foreign_in(path)
    if foreign:
        return Recognized(_PICKLED, toolchain(), (str(path),), runs=_told(foreign))
    return Recognized("a PyTorch checkpoint", toolchain(), problem=_STATE.format(name=path.name))


def _told(foreign: list[str]) -> str:
    return f"what its pickle names ({', '.join(name.replace(' ', '.') for name in foreign[:3])})" if foreign else ""
