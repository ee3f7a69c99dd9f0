"""What a source is, found out without torch and without running anything of it."""

from __future__ import annotations

import importlib.metadata
import io
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zif import InvalidModel
from zif.plugin import Named, Recognized, imports_any, open_plain

#: What code that makes a model imports.
_PACKAGES = ("torch", "torchvision", "timm", "transformers")
#: What tensors and plain containers are made of in a pickle; anything else is code that reading it would run.
_PLAIN = ("torch._utils ", "torch.", "collections ", "numpy", "_codecs ")
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
    return ", ".join(f"{name} {_version(name)}" for name in ("torch", "onnxscript"))


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def kind_of(path: Path) -> str:
    """ "script", "program", "pickle", or "" for what is not PyTorch's."""
    with open_plain(path, InvalidModel) as stream:
        head = stream.read(16)
    if head.startswith(b"PK\x03\x04"):
        names = members(path)
        last = {name.rpartition("/")[2] for name in names}
        if {"archive_format", "serialized_exported_program.json"} & last:
            return "program"
        if "data.pkl" in last:
            return "script" if "constants.pkl" in last or any("/code/" in name for name in names) else "pickle"
        return ""
    return "pickle" if head[:2] == b"\x80\x02" and head[2:4] == b"\x8a\x0a" else ""


def _file(path: Path) -> Recognized | None:
    kind = kind_of(path)
    if kind in ("script", "program"):
        return Recognized(_SCRIPT if kind == "script" else _PROGRAM, toolchain(), (str(path),))
    if kind != "pickle":
        return None
    foreign = [name for name in named_in(path) if not name.startswith(_PLAIN)] + [
        name for name in named_in(path) if name.startswith("torch.nn")
    ]
    if foreign:
        runs = f"what its pickle names ({', '.join(name.replace(' ', '.') for name in foreign[:3])})"
        return Recognized(_PICKLED, toolchain(), (str(path),), runs=runs)
    return Recognized("a PyTorch checkpoint", toolchain(), problem=_STATE.format(name=path.name))


def members(path: Path) -> list[str]:
    """The names in a zip archive. Raises InvalidModel."""
    try:
        with open_plain(path, InvalidModel) as stream, zipfile.ZipFile(stream) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InvalidModel(f"{path} is cut off or damaged ({error}): copy it again") from error


def named_in(path: Path) -> list[str]:
    """Every "module name" that the pickles of a file refer to. Nothing is unpickled."""
    try:
        return list(dict.fromkeys(name for data in _pickles(path) for name in _globals(data)))
    except (ValueError, zipfile.BadZipFile, EOFError, IndexError, KeyError) as error:
        raise InvalidModel(f"{path} is cut off or damaged ({error}): copy it again") from error


def _pickles(path: Path) -> Iterator[bytes]:
    with open_plain(path, InvalidModel) as stream:
        data = stream.read(64 << 20)
    if not data.startswith(b"PK"):
        yield data
        return
    with zipfile.ZipFile(io.BytesIO(data) if len(data) < 64 << 20 else path) as archive:
        for name in archive.namelist():
            if name.endswith(".pkl"):
                yield archive.read(name)


def _globals(data: bytes) -> Iterator[str]:
    """The references of a stream of pickles: opcodes are read, and strings that STACK_GLOBAL takes."""
    stream = io.BytesIO(data)
    strings: list[str] = []
    while stream.tell() < len(data):
        begun = stream.tell()
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name == "GLOBAL":
                yield str(argument)
            elif opcode.name == "STACK_GLOBAL" and len(strings) > 1:
                yield f"{strings[-2]} {strings[-1]}"
            elif isinstance(argument, str):
                strings.append(argument)
        if not data.startswith(b"\x80", stream.tell()) or stream.tell() == begun:
            return  # an old file's arrays follow its pickles


__all__ = ["kind_of", "members", "named_in", "recognized", "toolchain"]
