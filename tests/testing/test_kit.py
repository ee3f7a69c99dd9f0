"""What surrounds the tests of the kit: known failures, the four outcomes, documents, runs that go on after a crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import attrs
import pytest
from zif.testing.mutants import install
from zif.testing.unread_options import watched


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit")
    install(folder)
    return folder


def zif(site: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "zif", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=site)


def check(site: Path, *words: str | Path) -> tuple[int, dict[str, Any]]:
    done = zif(site, "check", *words, "--json")
    assert done.returncode in (0, 1), done.stderr[-3000:]
    return done.returncode, json.loads(done.stdout)


def known(folder: Path, text: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(f"[tool.zif.check.known-failures]\n{text}\n")
    return path


HELP = "test_report.py::test_options_have_help"


def test_a_known_failure_with_a_reason_does_not_fail_the_run(site: Path, tmp_path: Path) -> None:
    path = known(tmp_path, f'"{HELP}" = "the texts are being translated"')
    code, record = check(site, "options_without_help", "-k", "test_options_have_help", "--known", path)
    assert (code, record["counts"]) == (0, {"known failure": 1})
    assert record["tests"][HELP]["reason"] == "the texts are being translated"


def test_a_known_failure_that_passes_fails_the_run(site: Path, tmp_path: Path) -> None:
    code, record = check(site, "honest", "-k", "have_help", "--known", known(tmp_path, f'"{HELP}" = "was so once"'))
    assert (code, record["counts"]) == (1, {"failed": 1})


def test_a_known_failure_that_a_sample_leaves_out_is_still_known(site: Path, tmp_path: Path) -> None:
    path = known(tmp_path, '"test_numbers.py::test_operator[Tanh]" = "the second test fails"')
    words = ("honest", "-k", "test_operator and Tanh", "--known", path)
    assert check(site, *words, "--sample", "1")[0] == 0
    assert check(site, *words)[0] == 1


def test_a_known_failure_without_a_reason_is_no_excuse(site: Path, tmp_path: Path) -> None:
    path = known(tmp_path, f'"{HELP}" = " "')
    code, record = check(site, "options_without_help", "-k", "have_help", "--known", path)
    assert (code, record["counts"]) == (1, {"failed": 1})


@pytest.mark.slow
def test_an_entry_that_matches_no_test_fails_the_run_and_is_named(site: Path, tmp_path: Path) -> None:
    path = known(tmp_path, '"test_report.py::test_long_gone" = "nobody remembers"')
    done = zif(site, "check", "reference", "--sample", "1", "--known", path)
    assert done.returncode == 1
    assert "known failure 'test_report.py::test_long_gone' matches no test or has no reason: remove it" in done.stdout


def test_an_unavailable_backend_is_skipped_with_its_reason_or_fails(site: Path) -> None:
    words = ("unavailable_without_a_reason", "-k", "test_close_may_be_called_twice")
    code, record = check(site, *words)
    assert (code, record["counts"]) == (0, {"unavailable": 1})
    code, record = check(site, *words, "--require-device")
    assert (code, record["counts"]) == (1, {"failed": 1})


def test_one_test_that_ends_the_process_does_not_end_the_run(site: Path, tmp_path: Path) -> None:
    """SIGSEGV in Tanh: that test fails with the signal's name; those before and after have their results, once."""
    junit = tmp_path / "check.xml"
    words = "test_operator and (Tan or Tanh or Relu or Where) or test_pickles"
    code, record = check(site, "ends_the_process_in_a_run", "-k", words, "--junit", junit)
    assert code == 1
    failed = {name: test for name, test in record["tests"].items() if test["outcome"] == "failed"}
    assert list(failed) == ["test_numbers.py::test_operator[Tanh]"]
    assert "the backend ended the process with SIGSEGV" in failed["test_numbers.py::test_operator[Tanh]"]["reason"]
    assert record["tests"]["test_numbers.py::test_operator[Relu]"]["outcome"] == "passed"
    assert record["tests"]["test_report.py::test_pickles"]["outcome"] == "passed"
    cases = [case.attrib["name"] for case in ET.parse(junit).iter("testcase")]
    assert len(cases) == len(set(cases)) == len(record["tests"])


@pytest.mark.slow
def test_what_differs_is_saved_and_preferred(site: Path, tmp_path: Path) -> None:
    """A backend that claims Softmax, which it cannot, and does not list Tanh, which it can."""
    source = (site / "zif_mutant_claims_more_than_it_can.py").read_text()
    less = "CLAIMS = tuple(claim for claim in CLAIMS if claim.op_type != 'Tanh')\n"
    folder = tmp_path / "zif_odd-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: zif-odd\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[zif.backends]\nodd = zif_odd\n")
    (tmp_path / "zif_odd.py").write_text(source + less)
    code, before = check(tmp_path, "odd", "-k", "test_operator and (Softmax or Tanh)")
    assert (code, before["differences"]) == (1, {})
    script = (
        "import sys, zif.testing.nodes as nodes\n"
        "from zif.testing.observation import save\n"
        "some = [t for t in nodes.node_tests() if t.name.startswith(('test_softmax_axis', 'test_tanh', 'test_relu'))]\n"
        "nodes.node_tests = lambda: some\n"
        "print(save('odd', 'host').path)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "zif_odd.observed.json")
    code, after = check(tmp_path, "odd", "-k", "test_operator and (Softmax or Tanh) and not LogSoftmax")
    assert code == 0, after["tests"]
    more, less_ = after["differences"]["claims more than it can"], after["differences"]["can do more than it claims"]
    assert [sentence.split()[0].strip(":") for sentence in more] == ["Softmax"]
    assert {sentence.split()[0] for sentence in less_} == {"Tanh"}
    outcomes = {name: test["outcome"] for name, test in after["tests"].items()}
    assert outcomes["test_numbers.py::test_operator[Tanh]"] == "passed"


def test_a_table_of_the_plugins_own_making_is_not_overwritten(site: Path) -> None:
    done = zif(site, "check", "reference", "--save")
    assert done.returncode == 2
    assert "was made by the plugin's own means" in done.stderr


def test_watched_options_are_options() -> None:
    @attrs.frozen
    class Options:
        one: int = 1
        two: str = "x"

    copy, seen = watched(Options(two="y"))
    assert isinstance(copy, Options)
    assert seen == set()
    assert copy.two == "y"
    assert seen == {"two"}
    assert attrs.asdict(copy) == {"one": 1, "two": "y"}
    assert seen == {"one", "two"}
