"""The campaign itself: a case follows from its number, what is bad is seen, and what was bad once is right."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from attrs import evolve

if sys.platform != "linux":
    pytest.skip("the campaign forks, and limits what it forks as Linux does", allow_module_level=True)

from tools.fuzz import corpus, faults
from tools.fuzz.__main__ import ALONE, drawn
from tools.fuzz.campaigns import CAMPAIGNS
from tools.fuzz.material import Material
from tools.fuzz.minimise import minimised
from tools.fuzz.runner import Runner, running, signature, wrong
from tools.fuzz.world import Case

FINE = {"code": 0, "cpu": 1.0, "megabytes": 100, "stuck": False, "orphans": 0}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with running(tmp_path_factory.mktemp("fuzz")) as runner:
        yield runner


@pytest.fixture(scope="module")
def material(runner: Runner) -> Material:
    return Material(runner)


@pytest.mark.parametrize("path", corpus.kept(), ids=lambda path: path.stem)
def test_what_was_bad_once_is_right(path: Path, runner: Runner) -> None:
    outcome = runner.run(corpus.read(path))
    assert outcome.kind != "bad", f"{outcome.what}\n{outcome.out}\n{outcome.err}"


@pytest.mark.parametrize("path", corpus.kept(), ids=lambda path: path.stem)
def test_the_corpus_is_small(path: Path) -> None:
    assert path.stat().st_size < 20_000


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_case_follows_from_its_seed_and_number(name: str, material: Material) -> None:
    first, again, other = (drawn(material, 7, number, name)[1] for number in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_sample_of_each_campaign(name: str, material: Material, runner: Runner) -> None:
    for number in range(4):
        _, case = drawn(material, 11, number, name)
        outcome = runner.run_command(case) if name in ALONE else runner.run(case)
        assert outcome.kind != "bad", f"make fuzz SEED=11 CASE={number} CAMPAIGN={name}: {outcome.what}\n{outcome.err}"


@pytest.mark.parametrize("kind", faults.FAULTS)
def test_a_sample_of_each_fault(kind: str, material: Material, runner: Runner) -> None:
    rng = Random(kind)
    for name in rng.sample(sorted(faults.COMMANDS), 2):
        fault = faults.Fault(kind, rng.randint(*faults.FAULTS[kind]))
        outcome = faults.tried(runner, fault, faults.COMMANDS[name](material))
        assert outcome.kind != "bad", f"{fault}, {name}: {outcome.what}\n{outcome.err}"


def test_every_fault_meets_every_command() -> None:
    met = [(kind, name) for kind, name, _ in faults.every(1)]
    assert sorted({*met}) == sorted((kind, name) for kind in faults.FAULTS for name in faults.COMMANDS)
    assert [*faults.every(1)] == [*faults.every(1)] != [*faults.every(2)]


def test_no_room_is_noticed(material: Material, runner: Runner) -> None:
    case = Case(
        ("plan", "m.onnx", "--only", "qnn_cpu", "--html", "p.html"),
        {"m.onnx": material.models["mlp"].SerializeToString()},
        {},
        ("p.html",),
    )
    outcome = runner.run(case, fault=("space", 100))
    assert (outcome.kind, outcome.code > 0) == ("typed", True), outcome
    assert "p.html" in outcome.err
    assert not (runner.world.work / "p.html").exists()


@pytest.mark.slow
def test_a_case_through_the_command_itself(material: Material, runner: Runner) -> None:
    files = {"m.onnx": material.models["mlp"].SerializeToString()}
    case = Case(("run", "m.onnx", "--random", "0", "--only", "qnn_cpu", "-o", "out"), files, {}, ("out",))
    outcomes = runner.run(case), runner.run_command(case)
    assert [outcome.kind for outcome in outcomes] == ["right", "right"], outcomes


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"code": 3}, "exit 3"),
        ({"code": -11}, "signal 11"),
        ({"code": -24}, "CPU"),
        ({"cpu": 21.0}, "CPU"),
        ({"megabytes": 3000}, "MB"),
        ({"stuck": True, "code": -9}, "stuck"),
        ({"orphans": 1}, "left behind"),
        ({"code": 2}, "without a word"),
        ({"code": 70}, "exit 70"),
    ],
)
def test_each_way_to_be_bad_is_seen(answer: dict[str, object], told: str) -> None:
    case = Case(("plan", "m.onnx"), {})
    assert wrong(case, FINE, "", "") == ""
    assert told in wrong(case, {**FINE, **answer}, "", "")


def test_a_traceback_and_half_a_document_are_bad() -> None:
    case = Case(("plan", "m.onnx", "--json"), {})
    assert wrong(case, FINE, '{"schema": "zif.plan/1"}', "") == ""
    assert wrong(case, FINE, '{"schema": ', "")
    assert wrong(case, FINE, "{}", "Traceback (most recent call last):\n")


def test_what_is_written_elsewhere_is_seen(material: Material, runner: Runner) -> None:
    files = {"m.onnx": material.models["mlp"].SerializeToString()}
    case = Case(("run", "m.onnx", "--random", "0", "--only", "qnn_cpu", "-o", "out"), files)
    outcome = runner.run(case)
    assert (outcome.kind, outcome.what) == ("bad", "changed work/out, changed work/out/y.npy")
    assert runner.run(evolve(case, writes=("out",))).kind == "right"


def test_what_is_deleted_or_changed_is_seen(runner: Runner) -> None:
    case = Case((), {"a.txt": b"a"})
    runner.world.make(case)
    before = runner.world.seen()
    (runner.world.root / "home" / ".bashrc").unlink()
    (runner.world.work / "a.txt").write_bytes(b"b")
    (runner.world.root / "tmp" / "left").mkdir()
    (runner.world.root / "home" / ".cache").mkdir()
    assert runner.world.strange(case, before) == ["home/.bashrc", "tmp/left", "work/a.txt"]


def test_a_bad_case_is_made_small(material: Material) -> None:
    """Bad here: a Relu in the model, whatever else is in the case."""
    files = {"m.onnx": material.models["mlp"].SerializeToString(), "x.bin": bytes(100)}
    small = minimised(
        Case(("plan", "m.onnx", "--only", "qnn_cpu"), files), lambda case: b"Relu" in case.files.get("m.onnx", b"")
    )
    assert small.arguments == ("plan", "m.onnx")
    assert [*small.files] == ["m.onnx"]
    assert len(small.files["m.onnx"]) < 20


def test_where_it_was_raised_tells_kinds_apart(runner: Runner) -> None:
    case = Case(("plan", "m.onnx"), {})
    outcome = runner.run(case)
    assert outcome.kind == "typed"
    bad = evolve(outcome, kind="bad", what="exit 3: it broke")
    assert signature(runner, case, bad) == "zif.errors.UsageError in zif/model/source.py:_check_path under 2"


def test_cases_are_kept_as_text(material: Material, tmp_path: Path) -> None:
    _, case = drawn(material, 5, 1, "bundles")
    corpus.write(tmp_path / "case.json", case, "why")
    assert corpus.read(tmp_path / "case.json") == case


@pytest.mark.parametrize("number", [*range(80), *(pytest.param(n, marks=pytest.mark.slow) for n in range(80, 300))])
def test_cases_are_made_whatever_the_number(number: int, material: Material) -> None:
    drawn(material, 13, number, None)
