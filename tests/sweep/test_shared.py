"""A sweep whose artifacts go to S3 over a connection that breaks in the middle: the same table, and none half there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import Site
from sweeping import settled
from wire import Wire, served

pytestmark = pytest.mark.needs("s3fs", "moto")

WORDS = ("models", "-t", "snapdragon-8-gen-3,snapdragon-8-elite", "--stage", "plan,compile")


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with served("fleet") as made:
        yield made


@pytest.mark.parametrize("after", [pytest.param(6_000, marks=pytest.mark.slow), 12_000])
def test_a_connection_that_breaks_in_the_middle_changes_no_table(
    site: Site, room: Path, wire: Wire, after: int
) -> None:
    settings = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    settings |= {"ZIF_CACHE": f"s3://fleet/{after}", "ZIF_CACHE_KEY": str(room / "team.key")}

    def zif(machine: str, *words: str) -> Any:
        done = site.zif(*words, "--json", cwd=room, ZIF_CACHE_LOCAL=str(room.parent / machine), **settings)
        assert done.code == 0, done.err
        return done.json

    assert site.zif("sweep", *WORDS, "-o", "serial.jsonl", cwd=room).code == 0
    wire.mend()
    zif("one", "cache", "key", "team.key")
    wire.cut("up", after)
    told = zif("one", "sweep", *WORDS, "-o", "cut.jsonl")
    assert wire.down, "the connection broke while the sweep ran"
    broken = [note for row in told["rows"] for note in row["notes"] if "cannot be reached" in note]
    assert broken
    assert [row | {"notes": []} for row in settled(room / "cut.jsonl")] == settled(room / "serial.jsonl")
    wire.mend()
    there = len(zif("one", "cache", "ls", "--shared")["artifacts"])
    assert there < 4
    assert zif("one", "cache", "verify", "--shared")["damaged"] == {}
    assert zif("one", "cache", "push") | {"root": ""} == {
        "schema": "zif.cache/1",
        "root": "",
        "sent": 4 - there,
        "unsent": [],
    }
    again = zif("two", "sweep", *WORDS, "-o", "two.jsonl")
    assert settled(room / "two.jsonl") == settled(room / "serial.jsonl")
    assert again["done"] == 8
    assert zif("two", "cache", "verify", "--shared")["whole"] == 4
