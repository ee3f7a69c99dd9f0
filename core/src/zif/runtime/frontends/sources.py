"""Which source is for a frontend, and for which of those that are installed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zif.errors import InvalidModel, UsageError, ZifError
from zif.files.checkout import folders
from zif.files.formats import Kind
from zif.files.installing import to_install
from zif.files.kinds import kind_of
from zif.files.opening import is_plain, missing, open_plain
from zif.files.wording import did_you_mean
from zif.model.arguments import is_model
from zif.records import Installed
from zif.runtime.frontends.contract import Named, Origin, Recognized

#: The tags with which a field of ONNX's ModelProto can begin; no text and no archive begins with one of these.
_ONNX = frozenset(b"\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca")
_NAMED = re.compile(r"(?P<where>(?:[A-Za-z]:)?[^:]+\.py|[A-Za-z_][\w.]*):(?P<name>[A-Za-z_][\w.]*)")


def origin_of(source: Any) -> Origin | None:
    """What a frontend would be asked about; None for what may be ONNX, or a bundle.

    Raises InvalidModel for what is known and no frontend's, with what else to do.
    """
    if not isinstance(source, (str, Path)):
        ours = isinstance(source, (bytes, bytearray, memoryview)) or _is_model(source)
        return None if ours else source
    path = Path(source)
    named = _NAMED.fullmatch(str(source))
    if named and missing(path):
        return Named(named["where"], named["name"])
    kind = kind_of(path)
    if kind is None:
        return path if is_plain(path) and not _may_be_onnx(path) and _installed() else None
    if not kind.frontend:
        raise InvalidModel(f"{path} is {kind.what}, not a model that zif can read: {kind.way}.")
    return path


def _installed() -> Sequence[Installed]:
    from zif.runtime.frontends.installed import installed

    return installed()


def _is_model(source: Any) -> bool:
    import onnx

    return is_model(source) or isinstance(source, onnx.ModelProto)


def _may_be_onnx(path: Path) -> bool:
    with open_plain(path, InvalidModel) as stream:
        return stream.read(1) in (b"", *(bytes([tag]) for tag in _ONNX))


def find(origin: Origin, only: str = "") -> tuple[Installed, Recognized, list[str]]:
    """The first frontend that takes a source, what it says of it, and why others before it could not be asked.

    only: this frontend, by name. Raises InvalidModel where none does, naming what to install, and UsageError for a
    frontend that is not there.
    """
    from zif.runtime.frontends.process import asking

    rows = _rows(only)
    troubles = []
    for row in rows:
        try:
            with asking(row, origin) as frontend:
                recognized = frontend.recognize(origin)
        except ZifError as error:
            troubles.append(error)
            continue
        if recognized is not None:
            return row, recognized, [f"{trouble}" for trouble in troubles]
    if troubles:
        raise troubles[0]
    raise InvalidModel(_nobody(origin, rows))


def _rows(only: str) -> Sequence[Installed]:
    rows = _installed()
    if not only:
        return rows
    chosen = [row for row in rows if row.name == only]
    if not chosen:
        known = [row.name for row in rows]
        have = ", ".join(known) or "none"
        raise UsageError(f"no installed frontend is called {only!r}.{did_you_mean(only, known)} Installed: {have}")
    return chosen


def _nobody(origin: Origin, rows: Sequence[Installed]) -> str:
    asked = f" Asked: {', '.join(row.name for row in rows)}." if rows else ""
    if isinstance(origin, Path):
        kind = kind_of(origin)
        if kind is None:
            return f"{origin} is no ONNX model, and no installed frontend knows it.{asked} {_hint(origin)}"
        if any(row.distribution == kind.frontend for row in rows):
            return f"{origin} is {kind.what}, and {kind.frontend} does not take it."
        return f"{origin} is {kind.what}, and its frontend is not installed: {_install(kind)}"
    if isinstance(origin, Named):
        brings = f"PyTorch's comes with zif-torch: {to_install('zif-torch')}"
        return f"no installed frontend makes a model of {origin}.{asked} {brings}"
    kind_name = f"{type(origin).__module__}.{type(origin).__qualname__}"
    return (
        f"a model is a path, bytes, an onnx.ModelProto, or what an installed frontend takes, not {kind_name}.{asked} "
        f"`zif-torch`, `zif-tensorflow` and `zif-jax` take models of theirs; for instance {to_install('zif-torch')}"
    )


#: Files of formats that begin with nothing of their own; only the hint goes by their names.
_NAMES = {".mnn": "MNN", ".kmodel": "nncase", ".weights": "Darknet", ".pdiparams": "Paddle", ".msgpack": "Flax"}


def _hint(path: Path) -> str:
    """What to do with a file that nobody knows."""
    if path.suffix == ".py":
        return f"Name what makes the model in it, such as {path}:make"
    taken = "ONNX, PyTorch (.pt2, TorchScript), TensorFlow, Keras, TFLite, Caffe or Python code that makes a model"
    if path.suffix in _NAMES:
        return f"Its name says {_NAMES[path.suffix]}, which zif does not read: convert the model that it was made from"
    return f"Zif takes {taken}: export the model as one of those"


def _install(kind: Kind) -> str:
    name = kind.frontend.removeprefix("zif-")
    if kind.frontend not in folders():  # `zif env create` finds what is beside it, and no index has the others
        return to_install(kind.frontend)
    return f"`zif env create {name} {kind.frontend}` sets it up in an environment of its own."
