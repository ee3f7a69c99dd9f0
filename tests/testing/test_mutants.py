"""A kit that nobody has seen fail proves nothing: each mutant must be caught by the right test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from zif.testing.mutants import MUTANTS, Mutant, install


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutants")
    install(folder)
    return folder


def check(site: Path, backend: str, words: str, *flags: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "zif", "check", backend, "--json", *(["-k", words] if words else []), *flags]
    environment = {
        **os.environ,
        "ZIF_DEADLINE": "10",
        "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr[-3000:]
    record: dict[str, Any] = json.loads(done.stdout)
    failed = [name for name, test in record["tests"].items() if test["outcome"] == "failed"]
    assert (done.returncode == 1) == bool(failed)
    return {"failed": failed, **record}


FEW = ("wrong_numbers_in_one_op", "mutates_its_input", "refuses_without_naming")


@pytest.mark.parametrize(
    "mutant",
    [pytest.param(m, id=m.name, marks=() if m.name in FEW else (pytest.mark.slow,)) for m in MUTANTS],
)
def test_each_mutant_is_caught_by_the_right_test(site: Path, mutant: Mutant) -> None:
    record = check(site, mutant.name, mutant.caught_by, *mutant.flags)
    assert record["failed"], f"nothing in {mutant.caught_by!r} noticed: {record['tests']}"


@pytest.mark.slow
def test_the_honest_backend_passes_everything(site: Path) -> None:
    record = check(site, "honest", "")
    assert record["failed"] == []
    assert record["counts"]["passed"] > 40
    assert record["counts"]["not claimed"] > 100


def test_there_are_at_least_fifteen_mutants_with_names_of_their_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 15


def test_the_honest_backend_loads_in_another_process(site: Path) -> None:
    """What the kit runs as a script of its own is imported by no other test."""
    record = check(site, "honest", "test_loads_in_another_process")
    assert record["failed"] == []
    assert record["counts"]["passed"] == 1
