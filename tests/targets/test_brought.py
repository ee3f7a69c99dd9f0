"""Chips and costs that distributions bring: found by metadata, whatever the way of installing, and told apart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import metadata
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zif.errors import UsageError
from zif.files import distribution_data
from zif.planning.costs import CostModel, coefficients
from zif.planning.costs.kinds import FEATURES
from zif.records import Target
from zif.targets import catalogue, problems, target, targets
from zif.targets.machine import recognise

CPU = {"macs_per_s": {"fp32": 1e10}, "bytes_per_s": 5e9}
NPU = {"macs_per_s": {"int8": 4e12, "fp16": 1e12}, "bytes_per_s": 2e10}

#: Bring a distribution's data file: its name, the content, and where the package lies.
Bring = Callable[..., Path]


def chip(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "processors": {"cpu": CPU, "npu": NPU}, **more}


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bring:
    """Installs distributions of nothing but a data file, beside those that are there."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def bring(
        distribution: str, content: Any, *, group: str = "zif.targets", inside: str = "", apart: bool = False
    ) -> Path:
        package = distribution.replace("-", "_")
        folder = site
        if apart:  # as after `pip install -e`: the metadata is here, the package elsewhere on the path
            folder = tmp_path / f"{package}-source"
            monkeypatch.syspath_prepend(folder)
        path = folder.joinpath(package, *filter(None, [inside]), "chips.json")
        path.parent.mkdir(parents=True)
        (folder / package / "__init__.py").write_text("raise RuntimeError('nobody may import this')")
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        value = ".".join(filter(None, [package, inside])) + ":chips.json"
        entry_points(metadata(site, distribution, "1.0"), group, value)
        return path

    return bring


def entry_points(info: Path, group: str, value: str) -> None:
    (info / "entry_points.txt").write_text(f"[{group}]\nacme = {value}\n")
    distribution_data._data_files.cache_clear()  # the folder may have changed twice within the clock's step


def names() -> set[str]:
    return {one.name for one in targets()}


@pytest.mark.parametrize("where", [{}, {"apart": True}, {"inside": "data"}, {"apart": True, "inside": "data"}], ids=str)
def test_another_vendors_chips_join_the_others(bring: Bring, where: dict[str, Any]) -> None:
    before = names()
    bring("acme-npu", {"targets": [chip("acme-one", vendor={"acme": {"cores": 4, "isa": "v2"}})]}, **where)
    mine = target("Acme One")
    assert (mine.name, mine.distribution, mine.vendor) == ("acme-one", "acme-npu", {"acme": {"cores": 4, "isa": "v2"}})
    assert names() == before | {"acme-one"}
    assert problems() == ()
    assert "acme_npu" not in sys.modules


def test_a_file_may_be_toml(bring: Bring, tmp_path: Path) -> None:
    path = bring("acme-npu", "")
    text = '[[target]]\nname = "acme-one"\nprocessors.cpu = { macs_per_s = { fp32 = 1e10 }, bytes_per_s = 5e9 }\n'
    path.with_suffix(".toml").write_text(text)
    info = next((tmp_path / "site").glob("*.dist-info"))
    entry_points(info, "zif.targets", "acme_npu:chips.toml")
    assert target("acme-one").distribution == "acme-npu"


def test_listing_chips_imports_no_plugin() -> None:
    script = (
        "import sys, zif.targets\nassert zif.targets.targets()\nprint(*[n for n in sys.modules if n[:4] == 'zif_'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_of_two_that_bring_a_name_the_first_is_used_and_the_other_is_told(bring: Bring) -> None:
    bring("beta-chips", {"targets": [chip("one", title="Beta's"), chip("two", aliases=["x1"])]})
    bring("acme-chips", {"targets": [chip("one", title="Acme's"), chip("three", aliases=["x1"])]})
    assert (target("one").title, target("one").distribution) == ("Acme's", "acme-chips")
    assert target("x1").name == "three"
    assert target("two").distribution == "beta-chips"
    assert {(one.distribution, one.text) for one in problems()} == {
        ("beta-chips", "brings 'one', too, which is one of acme-chips here"),
        ("beta-chips", "brings 'x1', too, which is three of acme-chips here"),
    }


def test_a_chip_may_start_from_one_of_any_other_distribution(bring: Bring) -> None:
    bring("a-board", {"targets": [{"name": "board", "like": "b-chip", "vendor": {"b": {"mb": 2}}}]})
    bring("b-chips", {"targets": [chip("b-chip", vendor={"b": {"mb": 4, "isa": 7}})]})
    assert problems() == ()
    board = target("board")
    assert (board.distribution, board.vendor, board.costs_like) == ("a-board", {"b": {"mb": 2, "isa": 7}}, "b-chip")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not valid JSON"),
        ("[]", "must be a table"),
        ({"schema": "zif.targets/2", "targets": []}, "this version of zif reads 'zif.targets/1'"),
        ({"targets": [{"name": "x"}]}, "give processors"),
        ({"targets": [{"name": "x", "like": "nobody"}]}, "'nobody' is no known chip"),
        ({"targets": [chip("x", sources={"title": [1]})]}, "sources must be a table of sentences"),
    ],
)
def test_a_broken_file_is_a_problem_and_the_others_are_there(bring: Bring, content: Any, says: str) -> None:
    before = names()
    bring("acme-npu", content)
    assert names() == before
    (problem,) = problems()
    assert problem.distribution == "acme-npu"
    assert says in problem.text
    with pytest.raises(UsageError, match=f"acme-npu: .*{says[-10:]}"):
        target("acme-one")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("acme_npu:gone.json", "its file gone.json is not in acme_npu: install it again"),
        ("gone:chips.json", "its file chips.json is not in gone"),
        ("acme_npu", "must name package and file"),
        ("acme_npu:../chips.json", "must name package and file"),
    ],
)
def test_a_file_that_is_not_there_is_a_problem(bring: Bring, tmp_path: Path, value: str, says: str) -> None:
    bring("acme-npu", {"targets": [chip("acme-one")]})
    entry_points(next((tmp_path / "site").glob("*.dist-info")), "zif.targets", value)
    (problem,) = problems()
    assert (problem.distribution, says in problem.text) == ("acme-npu", True)
    assert "acme-one" not in names()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(["name", "title", "aliases", "like", "vendor", "machine", "processors", "sources", "costs_like"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, PLAIN, max_size=4), st.sampled_from(["targets", "sources", "schema"]), PLAIN)
def test_whatever_a_file_holds_it_is_chips_or_a_problem(
    tmp_path: Path, entry: dict[str, Any], key: str, value: Any
) -> None:
    path = tmp_path / "chips.json"
    path.write_text(json.dumps({"targets": [{**chip("x"), **entry}], key: value}))
    chips, wrong = catalogue._brought([distribution_data.DataFile("acme", path)])
    assert bool(chips) != bool(wrong)


def test_an_edited_file_of_a_distribution_is_read_again(bring: Bring) -> None:
    path = bring("acme-npu", {"targets": [chip("acme-one")]})
    assert "acme-two" not in names()
    path.write_text(json.dumps({"targets": [chip("acme-two")]}))
    import os

    os.utime(path, ns=(1, 1))
    assert "acme-two" in names()


def test_without_any_chips_the_message_says_who_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "data_files", lambda group: ())
    assert targets() == ()
    with pytest.raises(UsageError, match="Known are host: chips come with the plugins of their vendors"):
        target("sm8650")


COSTS = {
    "schema": "zif.costs/1",
    "generation": {"vendor": "acme", "figure": "isa"},
    "groups": dict.fromkeys(("launch", *FEATURES), "vector"),
    "microseconds": {"int8": {"launch": 7.0, **dict.fromkeys(FEATURES, 2.0)}},
    "chips": {
        "acme-one": {
            "generation": 1,
            "scales": {"int8": dict.fromkeys(("overhead", "matrix", "vector", "special", "memory"), 1.0)},
        }
    },
    "errors": {"int8": {"acme-one": {"median": 0.125}}},
}


def npu_launch(chip: Target) -> float:
    found = coefficients.fitted(chip, "int8")
    return found.launch_us if found is not None else -1.0


def test_another_vendors_costs_price_its_chips_and_leave_the_others(bring: Bring) -> None:
    others = {one.name: npu_launch(one) for one in targets()}
    assert all(us > 0 for us in others.values())
    chips = [chip("acme-one", vendor={"acme": {"isa": 1}}), chip("acme-two", vendor={"acme": {"isa": 2}})]
    bring("acme-chips", {"targets": chips})
    assert (npu_launch(target("acme-one")), npu_launch(target("acme-two"))) == (-1.0, -1.0)
    bring("acme-costs", COSTS, group="zif.costs")
    assert npu_launch(target("acme-one")) == 7.0
    assert coefficients.problems() == ()
    near = coefficients.fitted(target("acme-two"), "int8")
    assert near is not None
    assert (near.launch_us, near.note) == (7.0, "as the mean of acme-one, by the ratio of their rates")
    assert {name: npu_launch(target(name)) for name in others} == others


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        "[1]",
        {**COSTS, "schema": "zif.costs/9"},
        {**COSTS, "chips": {"acme-one": {"generation": 1, "scales": {"int8": {"overhead": 1.0}}}}},
        {**COSTS, "microseconds": {"int8": {"launch": 1.0}}},
        {**COSTS, "generation": 5},
        {key: value for key, value in COSTS.items() if key != "errors"},
    ],
    ids=str,
)
def test_broken_costs_are_a_problem_and_the_rates_price(bring: Bring, broken: Any) -> None:
    bring("acme-chips", {"targets": [chip("acme-one", vendor={"acme": {"isa": 1}})]})
    bring("acme-costs", broken, group="zif.costs")
    (problem,) = coefficients.problems()
    assert problem.distribution == "acme-costs"
    assert CostModel(target("acme-one")).transfer_us(1e6, "npu") > 0
    assert npu_launch(target("acme-one")) == -1.0
    assert npu_launch(target("snapdragon-8-gen-3")) > 0


def test_a_machine_is_recognised_by_what_the_chips_say() -> None:
    one, two = (Target(name, machine={"cpu": (name,), "soc_id": ("77",)}) for name in ("Acme One", "Acme One Plus"))
    assert recognise([one, two], {"cpu": ["ACME(R) One Plus @ 2 GHz"]}) is two
    assert recognise([one, two], {"cpu": ["acme one"]}) is one
    assert recognise([one, two], {"soc_id": ["77"]}) is one
    assert recognise([one, two], {"soc_id": ["770"], "cpu": ["Acme Onesie"], "soc": ["Acme One"]}) is None
    assert recognise([], {"cpu": ["Acme One"]}) is None


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"cpu": ["Snapdragon(R) X Elite - X1E80100 - Qualcomm(R) Oryon(TM) CPU"]}, "snapdragon-x-elite"),
        ({"cpu": ["Qualcomm Technologies, Inc SM8550"]}, "snapdragon-8-gen-2"),
        ({"compatible": ["lenovo,thinkpad-t14s", "qcom,x1e78100", "qcom,x1e80100"]}, "snapdragon-x-elite"),
        ({"soc": ["SM8750-AC"]}, "snapdragon-8-elite-for-galaxy"),
        ({"soc": ["SM8750"]}, "snapdragon-8-elite"),
        ({"compatible": ["qcom,qcs8550-aim300", "qcom,qcs8550"]}, "qcs8550-proxy"),
    ],
)
def test_every_snapdragon_says_how_it_is_recognised(said: dict[str, list[str]], name: str) -> None:
    found = recognise(targets(), said)
    assert found is not None
    assert found.name == name
    assert all(one.machine for one in targets())


def test_chips_of_two_vendors_that_differ_by_the_vendor_only_are_two(bring: Bring) -> None:
    bring("acme-npu", {"targets": [chip("acme-one", vendor={"acme": {"cores": 1}})]})
    bring("bose-npu", {"targets": [chip("bose-one", vendor={"bose": {"cores": 1}})]})
    assert (target("acme-one").name, target("bose-one").name) == ("acme-one", "bose-one")
    assert problems() == ()
