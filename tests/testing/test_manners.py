"""What the kit sees a backend leave behind where it runs in a worker: its own files, and none of zif's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from environments import taken_in
from fakes import COMPILING, Site

LEAVES = """

_load = load


@hookimpl
def load(compiled):
    open("left.txt", "w").close()
    return _load(compiled)
"""


@pytest.mark.parametrize(("source", "left"), [(COMPILING, []), (COMPILING + LEAVES, ["left.txt"])])
def test_a_backend_of_another_environment(tmp_path: Path, source: str, left: list[str]) -> None:
    site, other, folder = Site(tmp_path / "site"), Site(tmp_path / "other"), tmp_path / "work"
    other.add("there", source)
    taken_in(site, "vendor", other)
    (folder / "tmp").mkdir(parents=True)
    done = site.start(["-m", "zif.testing.manners", "there", "host"], folder, {"TMPDIR": str(folder / "tmp")})
    assert done.code == 0, done.err
    seen: dict[str, Any] = json.loads(done.out.splitlines()[-1])
    assert [Path(path).name for path in seen["left"].get("all", [])] == left
    assert seen["files"] == {}
