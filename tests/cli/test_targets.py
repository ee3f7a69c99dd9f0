"""`zif targets`: who brought which chip; another vendor's chip with its own figures, from its file to the bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fakes import COMPILING, ROOT, Site
from small import classifier

CHIP = {
    "name": "acme-one",
    "title": "Acme One",
    "aliases": ["acme-a1", "a1"],
    "vendor": {"acme": {"cores": 4, "tensors": True}},
    "machine": {"cpu": ["Acme One"]},
    "processors": {"npu": {"macs_per_s": {"int8": 2.5e12}, "bytes_per_s": 1e10}},
}
#: A backend that reads its vendor's figures, names its artifacts after them and has a memory of its own.
READING = (
    COMPILING
    + """
@hookimpl
def capabilities(target, model):
    cores = target.vendor.get("acme", {}).get("cores")
    return Capabilities(
        processor="npu", rates=RATES, local_memory_bytes=8, artifact_label=f"acme-{cores}-cores" if cores else "",
        available=bool(cores), reason="" if cores else f"{target.name} has no cores of Acme's",
        verdicts={} if model is None else {unit.id: verdict(unit) for unit in model.units},
    )
"""
)


def with_chips(site: Site, document: Any, name: str = "acme", **backend: Any) -> Site:
    """A plugin of another vendor that brings chips beside its backend."""
    site.add(name, READING, **backend)
    (site.folder / f"{name}_data").mkdir()
    (site.folder / f"{name}_data" / "chips.json").write_text(json.dumps(document))
    info = next(site.folder.glob(f"fake[_-]{name}*/entry_points.txt"))
    info.write_text(f"{info.read_text()}[zif.targets]\n{name} = {name}_data:chips.json\n")
    return site


def test_each_chip_says_who_brought_it(site: Site) -> None:
    with_chips(site, {"targets": [CHIP]})
    document = site.zif("targets", "--json").json
    owners = {row["name"]: row["distribution"] for row in document["targets"]}
    assert (owners["acme-one"], owners["snapdragon-8-elite"]) == ("fake-acme", "fake-chips")
    row = next(row for row in document["targets"] if row["name"] == "acme-one")
    assert (row["vendor"], row["machine"]) == (CHIP["vendor"], CHIP["machine"])
    assert (document["problems"], document["host"]["distribution"]) == ([], "")
    shown = site.zif("targets", COLUMNS="160").out
    line = next(line for line in shown.splitlines() if "acme-one" in line)
    assert line.split() == ["acme-one", "a1", "cores", "4,", "tensors", "2.5", "fake-acme"]
    one = site.zif("targets", "a1").out
    assert "described by fake-acme" in one
    assert "acme.cores" in one


def test_what_is_wrong_with_a_file_is_told_and_stops_nobody(site: Site) -> None:
    with_chips(site, {"targets": [{"name": "acme-one"}]})
    result = site.zif("targets")
    assert result.code == 0
    assert "fake-acme: " in result.out
    assert "give processors" in result.out
    assert "snapdragon-8-gen-3" in result.out
    document = site.zif("targets", "--json").json
    assert [row["distribution"] for row in document["problems"]] == ["fake-acme"]
    told = [row["problem"] for row in site.zif("doctor", "--json").json["problems"]]
    assert any(text.startswith("fake-acme: ") and "give processors" in text for text in told)


def test_another_vendors_chip_is_planned_for_and_names_its_artifacts(site: Site, tmp_path: Path) -> None:
    with_chips(site, {"targets": [CHIP, {**CHIP, "name": "acme-two", "aliases": []}]})
    model = classifier(tmp_path / "net.onnx")
    plan = site.zif("plan", model, "--target", "a1", "--json").json
    assert (plan["target"], {unit["backend"] for unit in plan["units"]}) == ("acme-one", {"acme"})
    memory = plan["predicted"]["memory"]["acme"]
    assert (memory["local_memory_bytes"], memory["beyond_local_memory"] > 0) == (8, True)
    assert "over 8 B" in site.zif("plan", model, "--target", "a1").out
    assert site.zif("compile", model, "-o", tmp_path / "one", "-t", "a1").code == 0
    assert binaries(tmp_path / "one") == {"00-acme-4-cores"}
    assert site.zif("compile", model, "-o", tmp_path / "two", "-t", "a1", "-t", "acme-two").code == 0
    assert binaries(tmp_path / "two") == {"00-acme-4-cores-acme-one", "00-acme-4-cores-acme-two"}


def binaries(bundle: Path) -> set[str]:
    return {path.name for path in (bundle / "context_binaries").iterdir()}


def test_a_target_without_its_figures_is_the_backends_sentence(site: Site, tmp_path: Path) -> None:
    with_chips(site, {"targets": [CHIP]})
    (row,) = site.zif("backends", "--target", "sm8650", "--json").json["backends"]
    assert (row["available"], row["reason"]) == (False, "snapdragon-8-gen-3 has no cores of Acme's")


def test_a_users_chip_starts_from_another_vendors(site: Site, tmp_path: Path) -> None:
    with_chips(site, {"targets": [CHIP]})
    own = tmp_path / "own.toml"
    own.write_text('[[target]]\nname = "mine"\nlike = "acme-one"\n[target.vendor.acme]\ncores = 2\n')
    (row,) = site.zif("targets", "mine", "--json", ZIF_TARGETS=str(own)).json["targets"]
    assert (row["vendor"]["acme"], row["distribution"]) == ({"cores": 2, "tensors": True}, "")
    own.write_text('[[target]]\nname = "mine"\nlike = "acme-one"\ncores = 2\n')
    result = site.zif("targets", "mine", ZIF_TARGETS=str(own))
    assert result.code == 2
    assert "cores is a figure of acme's: write it in a table of its own, [target.vendor.acme]" in result.err


def test_core_has_no_chips_and_no_costs_of_its_own() -> None:
    assert not [path for path in (ROOT / "core" / "src").rglob("*.json") if "schemas" not in path.parts]
