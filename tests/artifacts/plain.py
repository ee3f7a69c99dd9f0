"""What the cache needs to see of a backend, a segment and an artifact, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from zif import Certificate, Compiled, Target, TensorInfo

CHIP = Target("snapdragon-8-elite")


@attrs.frozen
class Options:
    vtcm_mb: int = 4
    extra: Any = None


@attrs.frozen
class Backend:
    name: str = "qnn"
    version: str = "1.0"


@attrs.frozen
class Model:
    digest: str = "d" * 64
    name: str = "net-00"
    outside: dict[str, Path] = attrs.Factory(dict)

    def external_files(self):
        return dict(self.outside)


def artifact(**files) -> Compiled:
    files = {"model.bin": b"\x01" * 5000, "sub/info.json": b"{}", **files}
    edges = (TensorInfo("x", "tensor(float)", (1, "n", None)), TensorInfo("s", "seq(tensor(int64))", None))
    born = Certificate("qnn", "1.0", "QNN 2.51", CHIP.name, {"vtcm_mb": 4}, "e" * 64)
    return Compiled("context", files, "model.bin", edges, edges[:1], ("a note",), born)


class Use:
    """One user of a cache: counts what is made, collects what is told."""

    def __init__(self, cache, **changes):
        self.cache, self.made, self.told = cache, 0, []
        self.backend, self.model, self.options = Backend(), Model(), Options()
        self.toolchain, self.target = "QNN 2.51", CHIP
        self.artifact = artifact()
        self.__dict__.update(changes)

    def fetch(self):
        return self.cache.fetch(
            self.backend, self.model, self.target, self.options, self.toolchain, self._make, self._note
        )

    def _make(self):
        self.made += 1
        return self.artifact

    def _note(self, name, text):
        assert name == "qnn"
        self.told.append(text)


def contents(compiled: Compiled) -> dict[str, bytes]:
    return {name: item if isinstance(item, bytes) else item.read_bytes() for name, item in compiled.files.items()}
