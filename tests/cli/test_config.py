"""`zif config` and the options that shape a plan, on fake backends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import GOOD, Site
from small import classifier

CONFIGURED = (
    GOOD
    + """
import attrs
from typing import Literal

@attrs.frozen
class Options:
    mode: Literal["slow", "quick"] = attrs.field(default="slow", metadata={"help": "how it goes about it"})
    cores: int = 1

    def remarks(self, target, kind, /):
        if self.cores > 64:
            raise ValueError(f"option cores: there are no {self.cores} cores")
        return ("mode quick does nothing here",) if self.mode == "quick" else ()

_plain = capabilities

@hookimpl
def capabilities(target, model):
    return attrs.evolve(_plain(target, model), options=Options, config_sections=("toy_config",))

@hookimpl
def load(compiled, options):
    print("opened with", options.cores)
    return Run(compiled)
"""
)


@pytest.fixture
def toy(site: Site) -> Site:
    site.add("toy", CONFIGURED)
    return site


def saved(folder: Path, content: object) -> Path:
    path = folder / "backend_config.json"
    path.write_text(json.dumps(content))
    return path


def test_show_lists_every_option(toy: Site) -> None:
    told = toy.zif("config", "show", "toy")
    assert told.code == 0
    assert "section toy or toy_config" in told.out
    assert "slow|quick" in told.out
    document = toy.zif("config", "show", "toy", "--json").json
    assert document["schema"] == "zif.config-show/1"
    assert [one["name"] for one in document["options"]] == ["mode", "cores"]


def test_check_says_what_is_set_and_what_does_nothing(toy: Site, tmp_path: Path) -> None:
    path = saved(tmp_path, {"toy_config": {"mode": "quick", "cores": 2}})
    told = toy.zif("config", "check", path)
    assert told.code == 0
    assert "toy: mode quick does nothing here" in told.out
    document = toy.zif("config", "check", path, "--json").json
    assert document["schema"] == "zif.config-check/1"
    assert document["sections"][0]["options"] == {"mode": "quick", "cores": 2}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"toy_config": {"mode": "fast"}}, "slow, quick"),
        ({"toy_config": {"core": 1}}, "Did you mean 'cores'"),
        ({"toy_config": {"cores": 65}}, "there are no 65 cores"),
        ({"toys": {}}, "Known: toy or toy_config"),
        ([], "must be a table"),
    ],
)
@pytest.mark.parametrize("command", ["check", "plan"])
def test_wrong_files_are_wrong_for_every_command(
    toy: Site, tmp_path: Path, content: object, words: str, command: str
) -> None:
    path, model = saved(tmp_path, content), classifier(tmp_path / "m.onnx")
    told = toy.zif("config", "check", path) if command == "check" else toy.zif("plan", model, "--config", path)
    assert told.code == 2
    assert words in told.err
    assert "Traceback" not in told.err


def test_a_configuration_reaches_the_plan_the_run_and_the_profile(toy: Site, tmp_path: Path) -> None:
    path, model = saved(tmp_path, {"toy": {"mode": "quick", "cores": 3}}), classifier(tmp_path / "m.onnx")
    plan = toy.zif("plan", model, "--config", path, "--json").json
    assert plan["config"] == {"toy": {"mode": "quick", "cores": 3}}
    assert plan["notes"] == ["toy: mode quick does nothing here"]
    assert "as asked for: toy: mode=quick, cores=3" in toy.zif("plan", model, "--config", path).out
    for command in ("run", "profile"):
        told = toy.zif(command, model, "--config", path, "--random", "0").out
        assert "opened with 3" in told
        assert command == "profile" or "note (toy): mode quick does nothing here" in told
    made = toy.zif("compile", model, "--config", path, "-o", tmp_path / "b.zif")
    assert made.code == 0
    again = toy.zif("run", tmp_path / "b.zif", "--random", "0").out
    assert "opened with 3" in again
    assert again.count("mode quick does nothing here") == 1
    refused = toy.zif("run", tmp_path / "b.zif", "--random", "0", "--config", path)
    assert refused.code == 2
    assert "give 'config' when you compile it" in refused.err


def test_constraints_reach_the_plan_and_a_hard_goal_exits_1(toy: Site, tmp_path: Path) -> None:
    model = classifier(tmp_path / "m.onnx")
    plan = toy.zif("plan", model, "--power-critical", "--min-precision", "fp16", "--latency-goal", "1us", "--json")
    assert plan.code == 0
    assert plan.json["policy"] == "power"
    assert plan.json["constraints"]["min_precision"] == "fp16"
    assert [one["met"] for one in plan.json["checks"]] == [False]
    for command in ("plan", "run", "profile"):
        feed = [] if command == "plan" else ["--random", "0"]
        told = toy.zif(command, model, "--max-latency", "1us", *feed)
        assert told.code == 1, command
        assert "max latency 1 µs missed" in told.err
    told = toy.zif("compile", model, "--max-latency", "1us", "-o", tmp_path / "c.zif")
    assert (told.code, (tmp_path / "c.zif").exists()) == (1, False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--min-precision", "half"], "possible: int4"),
        (["--latency-goal", "soon"], "such as 5ms"),
        (["--memory-limit", "lots"], "such as 64M"),
        (["--memory-limit", "=64M"], "BACKEND=64M"),
        (["--memory-limit", "nobody=64M"], "not installed; known: toy"),
        (["--power-critical", "--policy", "performance"], "contradicts"),
    ],
)
def test_wrong_constraints_are_wrong_usage(toy: Site, tmp_path: Path, options: list[str], words: str) -> None:
    told = toy.zif("plan", classifier(tmp_path / "m.onnx"), *options)
    assert told.code == 2
    assert words in told.err
