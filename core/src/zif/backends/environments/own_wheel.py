"""The zif that is running, as a wheel: no index has it, and an environment needs the very same."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import importlib_metadata as metadata

from zif.errors import BackendBroken

#: What of a distribution's metadata belongs to this installation and not to the distribution.
_INSTALLED = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "WHEEL"})
_WHEEL = "Wheel-Version: 1.0\nGenerator: zif\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
#: The least date that a zip file can have, so that one zif always gives one wheel.
_DATE = (1980, 1, 1, 0, 0, 0)


def build(folder: Path) -> Path:
    """The wheel, written into a folder: the package as it is here, editable or not, with its metadata.

    Raises BackendBroken for a source tree that was never installed, OSError where it cannot be written.
    """
    try:
        dist = metadata.distribution("zif")
    except metadata.PackageNotFoundError:
        raise BackendBroken(
            "this zif is a source tree that was not installed, and has no metadata to make a wheel from: "
            "pip install -e core"
        ) from None
    info = f"zif-{dist.version}.dist-info"
    path = folder / f"zif-{dist.version}-py3-none-any.whl"
    rows = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (*_package(), *_metadata(dist, info), (f"{info}/WHEEL", _WHEEL.encode())):
            archive.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
            rows.append(f"{name},sha256={_digest(content)},{len(content)}")
        rows.append(f"{info}/RECORD,,")
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD", _DATE), "\n".join(rows) + "\n", zipfile.ZIP_DEFLATED)
    return path


def _package() -> Iterator[tuple[str, bytes]]:
    root = Path(__file__).parents[2]
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield f"zif/{path.relative_to(root).as_posix()}", path.read_bytes()


def _metadata(dist: Any, info: str) -> Iterator[tuple[str, bytes]]:
    own = f"{info}/"
    for file in dist.files or ():
        inner = file.as_posix().partition(own)[2]
        if inner and inner not in _INSTALLED:
            yield own + inner, Path(str(file.locate())).read_bytes()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
