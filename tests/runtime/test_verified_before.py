"""What was verified once is not run again, until anything changes that the result depends on."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from broken import BREAKING, JUDGE, save
from fakes import GOOD, Site

NEVER, ALWAYS = "False", "node.op_type == 'Neg'"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site")
    site.add("npu", GOOD + BREAKING, BROKEN=NEVER, COST=0.1)
    site.add("judge", GOOD + JUDGE, COST=50.0)
    return site


def break_silently(site: Site) -> None:
    """The backend computes wrongly from now on; nothing that a result depends on tells."""
    plugin = site.folder / "fake_npu.py"
    plugin.write_text(plugin.read_text().replace(repr(NEVER), repr(ALWAYS)))


def compiled(site: Site, path: Path, *words: str | Path) -> Any:
    made = site.zif("compile", path, "-o", path.with_suffix(".zif"), "--overwrite", "--json", *words)
    assert made.code == 0, made.err
    return made.json["targets"][0]


def is_old(target: Any) -> bool:
    """Whether the result is one of before; else the broken backend was found out."""
    old = any("nothing has changed since" in note for note in target["verification"]["notes"])
    assert old != any(event["kind"] == "verified-wrong" for event in target["events"])
    assert target["verification"]["verified"] is True
    return old


def test_the_same_is_not_run_again(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    first = compiled(site, path)
    assert first["verification"]["notes"] == []
    break_silently(site)
    again = compiled(site, path)
    assert is_old(again)
    assert again["verification"]["segments"] == first["verification"]["segments"]
    told = site.zif("compile", path, "-o", tmp_path / "c.zif")
    assert re.search(r"verified on 3 samples.*nothing has changed\s+since", told.out, re.DOTALL)


def other_weights(path: Path) -> None:
    model = onnx.load(path)
    weight = onnx.numpy_helper.to_array(model.graph.initializer[0]) * np.float32(2)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weight, "w"))
    onnx.save(model, path)


def test_other_weights_are_verified_anew(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    compiled(site, path)
    break_silently(site)
    other_weights(path)
    assert not is_old(compiled(site, path))


def test_other_samples_are_verified_anew(site: Site, tmp_path: Path) -> None:
    path, samples = save(tmp_path / "m.onnx"), tmp_path / "samples.npz"
    np.savez(samples, x=np.ones((2, 8), np.float32))
    compiled(site, path, "-s", samples)
    break_silently(site)
    assert is_old(compiled(site, path, "-s", samples))
    np.savez(samples, x=np.full((2, 8), 2, np.float32))
    assert not is_old(compiled(site, path, "-s", samples))


@pytest.mark.parametrize("how", ["no cache", "cleared", "damaged", "forged"])
def test_what_is_not_there_or_not_ours_is_verified_anew(site: Site, tmp_path: Path, how: str) -> None:
    path = save(tmp_path / "m.onnx")
    compiled(site, path)
    break_silently(site)
    (kept,) = (site.folder / "home" / "cache" / "zif" / "verified").iterdir()
    if how == "cleared":
        site.zif("cache", "clear")
        assert not kept.exists()
    elif how == "damaged":
        kept.write_bytes(kept.read_bytes()[:100])
    elif how == "forged":  # by somebody who has no key of this user
        (site.folder / "home" / "data" / "zif" / "seal.key").unlink()
        shutil.rmtree(path.with_suffix(".zif"))
    assert not is_old(compiled(site, path, *(["--no-cache"] if how == "no cache" else [])))


def test_what_judges_alone_needs_no_samples(site: Site, tmp_path: Path) -> None:
    """A model with open dimensions, for which none could be made."""
    path = save(tmp_path / "m.onnx")
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "columns"
    onnx.save(model, path)
    assert any("not verified" in event["text"] for event in compiled(site, path)["events"])
    assert compiled(site, path, "--only", "judge")["events"] == []
