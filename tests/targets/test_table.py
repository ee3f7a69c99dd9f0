"""The table of chips that zif-qnn-runtime brings: complete, sourced, and found under every name."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from zif.errors import UsageError
from zif.targets import host, target, targets

SHARED = Path(os.environ.get("ZIF_SHARED", Path(__file__).parents[3] / "shared"))


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("snapdragon-8-gen-3", "snapdragon-8-gen-3"),
        ("snapdragon-8-elite", "snapdragon-8-elite"),
        ("snapdragon-x-elite", "snapdragon-x-elite"),
        ("sa8295p", "sa8295p"),
        ("sm8650", "snapdragon-8-gen-3"),
        ("SM8750", "snapdragon-8-elite"),
        ("sm8750-ac", "snapdragon-8-elite-for-galaxy"),
        ("qualcomm-snapdragon-8gen3", "snapdragon-8-gen-3"),
        ("Snapdragon 8 Gen 3 Mobile", "snapdragon-8-gen-3"),
        ("Qualcomm SA8295P", "sa8295p"),
        ("snapdragon_x_elite", "snapdragon-x-elite"),
        ("qcs8550", "qcs8550-proxy"),
    ],
)
def test_a_chip_answers_to_slug_hub_name_and_part_number(spelling: str, name: str) -> None:
    assert target(spelling).name == name


def test_no_two_chips_answer_to_one_name() -> None:
    taken: dict[str, str] = {}
    for one in targets():
        for spelling in {one.name, *one.aliases}:
            assert taken.setdefault(spelling.lower(), one.name) == one.name
            assert target(spelling) is one


def test_an_unknown_chip_is_refused_with_the_nearest_and_all_names() -> None:
    with pytest.raises(UsageError, match="Did you mean snapdragon-8-gen-3") as caught:
        target("snapdragon-8-gen3x")
    assert all(one.name in str(caught.value) for one in targets())
    assert caught.value.exit_code == 2


def test_every_figure_has_a_source() -> None:
    for one in targets():
        assert one.distribution == "zif-qnn-runtime"
        figures = one.vendor["qualcomm"]
        assert set(figures) == {"htp_arch", "soc_model", "vtcm_mb", "htp_fp16"}
        for figure in (*(f"qualcomm.{name}" for name in figures), "title"):
            assert one.sources[figure], (one.name, figure)
        assert set(one.processors) == {"npu", "gpu", "cpu"}, one.name
        for name, rates in one.processors.items():
            assert rates.source.startswith(("measured", "estimated")), (one.name, name)
            assert rates.macs_per_s
            assert rates.bytes_per_s > 1e9
        assert ("fp16" in one.processors["npu"].macs_per_s) == figures["htp_fp16"]


def test_fitted_coefficients_are_borrowed_from_a_chip_that_exists() -> None:
    names = {one.name: one for one in targets()}
    for one in targets():
        if one.costs_like:
            assert not names[one.costs_like].costs_like


def test_the_cpu_works_in_host_memory() -> None:
    assert all(one.processors["cpu"].link_bytes_per_s == float("inf") for one in targets())


def test_the_table_agrees_with_qualcomms_chip_list() -> None:
    path = SHARED / "data" / "aihub-chipsets.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there: set ZIF_SHARED")
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["htp_version"]) >= 68]
    assert len(rows) > 20
    for row in rows:
        one = target(row["chipset"])
        had = one.vendor["qualcomm"]
        assert (had["htp_arch"], had["soc_model"]) == (int(row["htp_version"]), int(row["soc_model"])), row["chipset"]
        assert had["htp_fp16"] == (row["supports_fp16"] == "True")
        assert all(target(alias) is one for alias in row["aliases"].split())


def test_host_has_a_cpu_with_estimated_rates() -> None:
    here = target("host")
    assert here.is_host
    assert here == host()
    assert here.processors["cpu"].source.startswith("estimated")
    assert here.processors["cpu"].macs_per_s["fp32"] > 1e8
