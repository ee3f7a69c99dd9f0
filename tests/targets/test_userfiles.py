"""Chips that users describe in a file: what is taken, what is refused, and in which words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from zif.errors import UsageError
from zif.targets import target, targets

BOARD = """
[[target]]
name = "my-board"
title = "My board"
aliases = ["mb1"]
like = "sa8295p"
[target.vendor.qualcomm]
vtcm_mb = 4
[target.processors.npu]
macs_per_s = { int8 = 5e12 }
bytes_per_s = 2e10
"""


#: The beginning of an entry.
OF = '[[target]]\nname = "x"\nlike = "sa8295p"\n'


def write(folder: Path, text: str, name: str = "chips.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def memory(name: str, *files: Path) -> object:
    return target(name, files).vendor["qualcomm"]["vtcm_mb"]


def test_a_chip_of_ones_own_starts_from_a_known_one(tmp_path: Path) -> None:
    mine, base = target("mb1", [write(tmp_path, BOARD)]), target("sa8295p")
    assert (mine.name, mine.costs_like, mine.distribution) == ("my-board", "sa8295p", "")
    assert mine.vendor == {"qualcomm": {**base.vendor["qualcomm"], "vtcm_mb": 4}}
    assert mine.processors["npu"].macs_per_s == {"int8": 5e12}
    assert mine.processors["npu"].source == "declared in chips.toml"
    assert mine.processors["npu"].launch_us == base.processors["npu"].launch_us
    assert mine.processors["gpu"] == base.processors["gpu"]
    assert mine.sources["qualcomm.vtcm_mb"] == "declared in chips.toml"
    assert mine.sources["qualcomm.htp_arch"] == base.sources["qualcomm.htp_arch"]


def test_a_chip_from_nothing_in_json(tmp_path: Path) -> None:
    cpu = {"macs_per_s": {"fp32": 1e10}, "bytes_per_s": 5e9, "source": "bench of 2026"}
    text = json.dumps({"schema": "zif.targets/1", "targets": [{"name": "bare", "processors": {"cpu": cpu}}]})
    bare = target("bare", [write(tmp_path, text, "chips.json")])
    assert bare.processors["cpu"].source == "bench of 2026"
    assert bare.processors["cpu"].link_bytes_per_s == float("inf")
    assert bare.vendor == {}
    assert bare.costs_like == ""


def test_the_environment_and_the_configuration_folder_add_chips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = BOARD.replace("my-board", "other-board").replace("mb1", "mb2")
    monkeypatch.setenv("ZIF_TARGETS", str(write(tmp_path, BOARD)))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("platformdirs.user_config_path", lambda name: tmp_path / "config" / name)
    (tmp_path / "config" / "zif").mkdir(parents=True)
    write(tmp_path / "config" / "zif", other, "targets.toml")
    assert {target("mb1").name, target("mb2").name} == {"my-board", "other-board"}
    assert [one.name for one in targets()][-2:] == ["other-board", "my-board"]


def test_an_edited_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, BOARD)
    assert memory("my-board", path) == 4
    import os

    write(tmp_path, BOARD.replace("vtcm_mb = 4", "vtcm_mb = 2"))
    os.utime(path, ns=(1, 1))
    assert memory("my-board", path) == 2


def test_a_users_chip_replaces_one_of_the_same_name(tmp_path: Path) -> None:
    path = write(tmp_path, '[[target]]\nname = "sa8295p"\nlike = "sa8295p"\nvendor.qualcomm.vtcm_mb = 6\n')
    assert memory("sa8295p", path) == 6
    assert len(targets([path])) == len(targets())
    assert memory("sa8295p") == 8


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[target]]\n", "needs a name|give processors"),
        ('[[target]]\nname = "x"\n', "give processors, or start from a known chip"),
        ('[[target]]\nname = "x"\nlike = "sa9999"\n', "like = 'sa9999' is no known chip; known are .*sa8295p"),
        (OF + "vtcm = 4\n", r"unknown key 'vtcm'; known are .*vendor.* figures stand in .*\[target.vendor.NAME\]"),
        (OF + "vtcm_mb = 4\n", r"vtcm_mb is a figure of qualcomm's: .* \[target.vendor.qualcomm\]"),
        (OF + "vendor = 4\n", "vendor must be a table, not 4"),
        (OF + "vendor.qualcomm = 4\n", "vendor.qualcomm must be a table of qualcomm's figures, not 4"),
        (OF + "vendor.qualcom.vtcm_mb = 4\n", "no known vendor's table. Did you mean vendor.qualcomm"),
        (OF + "vendor.qualcomm.vtcm = 4\n", "vendor.qualcomm.vtcm is no figure of a known chip's; known are .*vtcm_mb"),
        (OF + 'vendor.qualcomm.vtcm_mb = "4"\n', "vendor.qualcomm.vtcm_mb must be a whole number, not '4'"),
        (OF + "vendor.qualcomm.vtcm_mb = true\n", "vtcm_mb must be a whole number"),
        (OF + "vendor.qualcomm.htp_fp16 = 1\n", "htp_fp16 must be true or false, not 1"),
        (OF + "vendor.qualcomm.vtcm_mb = { a = 1 }\n", "must be a number, a string, true or false, or a list of such"),
        (OF + 'machine.board = ["x"]\n', "machine: unknown key 'board'; known are compatible, soc, soc_id, cpu"),
        (OF + 'machine.cpu = "x"\n', "machine.cpu must be a list of phrases, not 'x'"),
        (OF + "sources = { title = 5 }\n", "sources must be a table of sentences"),
        ('[[target]]\nname = "x"\nlike = "sa8295p"\naliases = [1]\n', "aliases must be a list of strings"),
        (
            '[[target]]\nname = "x"\nlike = "sa8295p"\n[target.processors.tpu]\n',
            "unknown key 'tpu'; known",
        ),
        ('[[target]]\nname = "x"\n[target.processors.cpu]\nop_us = 1\n', "needs macs_per_s"),
        ('[[target]]\nname = "x"\nlike = "sa8295p"\n[target.processors.npu]\nwatts = -1\n', "watts must be a number"),
        ('[[target]]\nname = "x"\nlike = "sa8295p"\n[target.processors.npu]\nbytes_per_s = 0\n', "positive number"),
        ('[[target]]\nname = "x"\nlike = "sa8295p"\n[target.processors.npu]\nbytes_per_s = nan\n', "positive number"),
        (
            '[[target]]\nname = "x"\nlike = "sa8295p"\n[target.processors.npu.macs_per_s]\nint9 = 1\n',
            "key 'int9'",
        ),
        ('[[target]]\nname = "x"\nlike = "sa8295p"\n[[target]]\nname = "x"\nlike = "sa8295p"\n', "two chips"),
        ('schema = "zif.targets/9"\n[[target]]\nname = "x"\nlike = "sa8295p"\n', "this version of zif reads"),
        ('sources = 5\n[[target]]\nname = "x"\nlike = "sa8295p"\n', "sources must be a table"),
        ("chips = 1\n", "unknown key 'chips'"),
        ("", "describes no chip"),
        ("[[target\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_in_words(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError, match=says) as caught:
        targets([path])
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            targets([path])


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chips.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not text in UTF-16"):
        targets([path])
