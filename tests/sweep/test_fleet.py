"""Real models × chips × precisions, serial and on two workers of which one is killed: the same table, and once.

The small fleet runs in CI; the whole one, 12 models × 6 chips × 3 precisions, by hand and with `make test-all`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sweeping import settled, table
from zoo import entry

pytestmark = [pytest.mark.needs("distributed"), pytest.mark.slow]

CHIPS = (
    *("snapdragon-8-gen-1", "snapdragon-8-gen-2", "snapdragon-8-gen-3"),
    *("snapdragon-8-elite", "snapdragon-8-elite-gen-5", "snapdragon-x-elite"),
)
SMALL = ("mtcnn-pnet", "mtcnn-onet", "magika")
LARGE = (
    *("mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet", "ppocr-cls", "silero-op15", "silero-static", "magika", "basic-pitch"),
    *("light-squeezenet", "light-shufflenet", "light-inception-v1", "light-resnet50"),
)
#: What is also compiled, of all that is planned.
SAMPLE = 'models = ["mtcnn-pnet", "mtcnn-onet"]\ntargets = ["snapdragon-8-elite"]\nprecisions = ["float", "w8a8"]'


def described(folder: Path, names: Sequence[str], chips: Sequence[str], output: str) -> Path:
    """A sweep file: every model planned for every chip in three precisions, a sample compiled."""
    lines = [f"targets = {json.dumps(chips)}", 'precisions = ["float", "w8a8", "w8a16"]', 'stages = ["plan"]']
    lines.append(f'output = "{output}.jsonl"')
    for name in names:
        one = entry(name)
        lines += ["[[model]]", f'name = "{name}"', f"file = {json.dumps(str(one.path))}"]
        lines += [f"shapes.{json.dumps(key)} = {list(dims)}" for key, dims in one.shapes.items()]
    path = folder / f"{output}.toml"
    path.write_text("\n".join([*lines, "[[more]]", SAMPLE, 'stages = ["compile"]']) + "\n")
    return path


def started(path: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "zif", "sweep", str(path), "--json", *words]
    environment = {**os.environ, "ZIF_CACHE": str(path.with_suffix(".cache"))}
    return subprocess.Popen(
        command, env=environment, cwd=path.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate()
    assert process.returncode in (0, 1), err
    return json.loads(out)


@pytest.mark.parametrize(
    ("names", "chips"),
    [
        pytest.param(SMALL, CHIPS[3:5], id="small"),
        pytest.param(
            LARGE,
            CHIPS,
            id="whole",
            marks=pytest.mark.skipif("ZIF_FLEET" not in os.environ, reason="half an hour: ZIF_FLEET=1 runs it"),
        ),
    ],
)
def test_a_killed_worker_changes_nothing(tmp_path: Path, names: Sequence[str], chips: Sequence[str]) -> None:
    serial = ended(started(described(tmp_path, names, chips, "serial")))
    assert serial["cells"] == serial["done"] == 3 * len(names) * len(chips) + 4
    path = described(tmp_path, names, chips, "two")
    process, begun = started(path, "--jobs", "2"), time.monotonic()
    kill_one(process, tmp_path / "two.jsonl", serial["cells"] // 3)
    two = ended(process)
    assert settled(tmp_path / "two.jsonl") == settled(tmp_path / "serial.jsonl")
    for output in ("serial", "two"):
        again = ended(started(tmp_path / f"{output}.toml"))
        assert again["done"] == 0
    failed = sorted(
        {f"{row['model']} {row['precision']} {row['stage']}" for row in two["rows"] if row["state"] != "ok"}
    )
    spent = sum(row["seconds"] for row in two["rows"])
    print(
        f"\n{serial['cells']} cells: serial {serial['seconds']:.0f} s, two workers, one killed {two['seconds']:.0f} s"
        f" ({time.monotonic() - begun:.0f} s with start), cells' own {spent:.0f} s, again {again['seconds']:.1f} s;"
        f" not ok: {failed}"
    )


def kill_one(process: subprocess.Popen[str], output: Path, cells: int) -> None:
    """Kill the worker that did the last of so many cells."""
    while not output.exists() or output.read_bytes().count(b"\n") < cells:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    os.kill(int(table(output)[-1]["worker"].rpartition(":")[2]), signal.SIGKILL)
