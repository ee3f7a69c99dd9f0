"""A site in which `zif sweep` stands beside fake backends, and a folder of small models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import COMPILING, ROOT, Site, metadata
from onnx import helper
from small import save, value


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path / "site")
    (made.folder / "zif_sweep").symlink_to(ROOT / "plugins" / "sweep" / "src" / "zif_sweep")
    info = metadata(made.folder, "zif-sweep", "0.1.0")
    (info / "entry_points.txt").write_text("[zif.commands]\nsweep = zif_sweep.cli.sweep:command\n")
    made.add("good", COMPILING)
    return made


def chain(path: Path, *ops: str) -> Path:
    """x [2, 4] → ops → y."""
    names = ["x", *(f"t{number}" for number in range(1, len(ops))), "y"]
    nodes = [helper.make_node(op, [names[i]], [names[i + 1]], f"{op}_{i}") for i, op in enumerate(ops)]
    return save(path, nodes, [value("x", [2, 4])], [value("y", [2, 4])])


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Three models: `models/` holds two, `broken.onnx` is none."""
    folder = tmp_path / "room"
    (folder / "models").mkdir(parents=True)
    chain(folder / "models" / "one.onnx", "Relu", "Tanh")
    chain(folder / "models" / "two.onnx", "Abs", "Sqrt", "Neg")
    (folder / "broken.onnx").write_bytes(b"\x08nothing of a model")
    return folder


@pytest.fixture
def swept(site: Site, room: Path) -> Callable[..., Any]:
    """Runs `zif sweep` in the room; gives the exit code, the document of --json and stderr."""

    def run(*words: str, **environment: str) -> tuple[int, Any, str]:
        done = site.zif("sweep", *words, "--json", cwd=room, **environment)
        return done.code, json.loads(done.out) if done.out else None, done.err

    return run
