"""Starting libQnnGpu on x86-64, far enough to ask it which operators it takes.

There it is an offline compiler for an Adreno GPU: it starts when it finds Qualcomm's kernel compilers `aoc` and `oqclc`
on PATH, and calls them when a graph is finalized, not before. So programs of these names that do nothing are enough for
its answers about operators, and never for a compiled graph.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from zif.plugin import private_folder

from zif_qnn_runtime.libraries import machine

COMPILERS = ("aoc", "oqclc")
_changing = threading.Lock()


def missing_compilers() -> tuple[str, ...]:
    """Those of Qualcomm's offline kernel compilers that are not on PATH."""
    return tuple(tool for tool in COMPILERS if shutil.which(tool) is None)


def can_stand_in() -> bool:
    """Whether libQnnGpu compiles offline on this machine, so that stand-ins make it answer. Tried on Linux only."""
    return machine() == "x86_64" and sys.platform == "linux"


@contextmanager
def stand_ins() -> Iterator[str]:
    """PATH with programs in the place of compilers that are missing; gives it. This process's PATH is put back after.

    Real ones that are on PATH come first.
    """
    with _changing, private_folder("zif-qnn-") as folder:
        for name in missing_compilers():
            program = folder / name
            program.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
            program.chmod(0o755)
        before = os.environ.get("PATH")
        os.environ["PATH"] = os.pathsep.join(filter(None, (before, str(folder))))
        try:
            yield os.environ["PATH"]
        finally:
            if before is None:
                del os.environ["PATH"]
            else:
                os.environ["PATH"] = before
