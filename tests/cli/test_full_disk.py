"""A disk that is really full: a sentence that says so and exit 1, or the work is done; never half of a file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from caffe.nets import one_layer, saved, values
from small import classifier

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="needs root to mount a small disk"
)

PAGE, DISK = 4096, 1 << 20
COMMANDS = {
    "compile": "compile net.onnx -o DISK/out/net.zif --only qnn_cpu",
    "cache": "run net.onnx --random 0 -t snapdragon-8-gen-3 --only qnn_htp --no-verify",
    "quantize": "quantize net.onnx -o DISK/out/q.onnx --random-calibration --method minmax",
    "histogram": "quantize net.onnx -o DISK/out/q.onnx --random-calibration --method entropy",
    "convert": "convert net.prototxt -o DISK/out/c.onnx --no-cache",
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB that holds all that a command may write to; the models lie beside it."""
    classifier(tmp_path / "net.onnx")
    text = 'type: "InnerProduct" inner_product_param { num_output: 3 }'
    saved(tmp_path, one_layer(text, (1, 4)), {"l": [values(1, 3, 4), values(2, 3)]})
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "zif-test", place], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no mount: {mounted.stderr.decode()}")
    try:
        for name in ("out", "tmp", "cache", "data", "home"):
            (place / name).mkdir()
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def fill(disk: Path, pages: int) -> None:
    """Leave room for so many pages."""
    with (disk / "ballast").open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(PAGE))
        except OSError:
            stream.truncate(max(0, stream.tell() - pages * PAGE))


def call(disk: Path, words: str) -> subprocess.CompletedProcess[str]:
    folders = {"TMPDIR": "tmp", "ZIF_CACHE": "cache", "ZIF_DATA": "data", "HOME": "home"}
    environment = {**os.environ, **{name: str(disk / folder) for name, folder in folders.items()}}
    command = [sys.executable, "-m", "zif", *words.replace("DISK", str(disk)).split()]
    return subprocess.run(command, cwd=disk.parent, env=environment, capture_output=True, text=True)


def unfinished(disk: Path) -> list[str]:
    """What a command has begun and not ended: anything in the temporary folder, drafts, parts."""
    found = [*(disk / "tmp").iterdir(), *disk.rglob("*.part"), *disk.rglob("*-part"), *disk.rglob(".draft-*")]
    return sorted(str(path.relative_to(disk)) for path in found)


@pytest.mark.parametrize("pages", [0, *(pytest.param(pages, marks=pytest.mark.slow) for pages in (1, 2, 4)), 12])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_told_and_nothing_is_left(disk: Path, name: str, pages: int) -> None:
    fill(disk, pages)
    done = call(disk, COMMANDS[name])
    assert done.returncode in (0, 1), done.stderr
    assert unfinished(disk) == []
    if done.returncode:
        assert any(word in done.stderr for word in ("No space left", "free: free some space", "are free")), done.stderr
        assert list((disk / "out").iterdir()) == []
    (disk / "ballast").unlink()
    again = call(
        disk, COMMANDS[name] + (" --overwrite" if name in ("compile", "convert") and not done.returncode else "")
    )
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("name", ["compile", "quantize", "histogram", "convert"])
def test_where_there_is_no_room_at_all_nothing_is_done(disk: Path, name: str) -> None:
    fill(disk, 0)
    assert call(disk, COMMANDS[name]).returncode == 1
