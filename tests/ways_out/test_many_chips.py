"""One bundle for five chips: on each its own, on a sixth what fits best with the reason, or what must be compiled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import zif
import zif_qnn_htp.fit
from qnn_htp.as_user import entry
from zif.artifacts.bundle import open_bundle
from zif.cli.views.bundle import inspected

pytestmark = pytest.mark.usefixtures("htp")
#: Hexagon v69, v73, v75, v79, v81.
FIVE = (
    *("snapdragon-8-gen-1", "snapdragon-8-gen-2", "snapdragon-8-gen-3", "snapdragon-8-elite"),
    "snapdragon-8-elite-gen-5",
)


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    one = entry("mtcnn-rnet")
    place = tmp_path_factory.mktemp("five") / "five.zif"
    return zif.compile(one.path, place, FIVE, shapes=one.shapes, verify=False).folder


@pytest.mark.parametrize("chip", FIVE)
def test_each_of_the_five_gets_its_own(five: Path, chip: str) -> None:
    with zif.load(five, chip) as session:
        assert session.plan.target == chip
        assert not [event for event in session.events if event.kind == "fit"]
        made = session.run(entry("mtcnn-rnet").inputs())
    assert made
    document = inspected(open_bundle(five), chip)
    assert (document["taken"], document["targets"][0]["grade"]) == (chip, "optimal")


@pytest.mark.parametrize(
    ("chip", "taken", "why"),
    [
        ("snapdragon-x-elite", "snapdragon-8-gen-2", "another chip with Hexagon v73"),
        ("snapdragon-8-elite-gen-6", "snapdragon-8-elite-gen-5", "Hexagon v81, and Snapdragon 8 Elite Gen 6 has v85"),
        ("qcs8750", "snapdragon-8-elite", ""),
    ],
)
def test_a_sixth_gets_what_fits_best_and_is_told(five: Path, chip: str, taken: str, why: str) -> None:
    with zif.load(five, chip) as session:
        assert session.plan.target == taken
        told = " ".join(event.text for event in session.events if event.kind == "fit")
        assert session.run(entry("mtcnn-rnet").inputs())
    assert f"for {chip} what was compiled for {taken} is taken" in told
    assert why in told


@pytest.mark.parametrize(
    ("chip", "why"),
    [
        ("snapdragon-888", "Hexagon v81, and Snapdragon 888 has v68, which is older"),
        ("snapdragon-7-gen-4", "it may use 8 MB of vector memory, and Snapdragon 7 Gen 4 has 4 MB"),
        (
            "snapdragon-7-gen-4",
            "Snapdragon 7 Gen 4 has v73, which does not run what is older than v73",
        ),
    ],
)
def test_what_will_not_do_says_what_differs(five: Path, chip: str, why: str) -> None:
    with pytest.raises(zif.UsageError, match="compile for it") as caught:
        zif.load(five, chip)
    assert why in str(caught.value)


def test_another_release_is_told_before_anything_is_opened(five: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zif_qnn_htp.fit, "qnn_version", lambda _: "2.48.0")
    for target in ("host", "snapdragon-8-elite"):
        with pytest.raises(zif.BackendUnavailable, match="compiled with QNN 2.51.0, and QNN 2.48.0 is here") as caught:
            zif.load(five, target)
        assert "zif compile" in str(caught.value)
    document = inspected(open_bundle(five), "snapdragon-8-elite")
    assert document["taken"] is None
    assert {row["grade"] for row in document["targets"]} == {"recompile"}


def test_the_same_twice_is_the_same_to_the_byte(tmp_path: Path) -> None:
    one = entry("mtcnn-rnet")
    for name in ("a.zif", "b.zif"):
        zif.compile(one.path, tmp_path / name, FIVE[1:3], shapes=one.shapes, verify=False, cache=False)
    first, second = ({p.relative_to(d).as_posix(): p.read_bytes() for p in d.rglob("*") if p.is_file()}
                     for d in (tmp_path / "a.zif", tmp_path / "b.zif"))  # fmt: skip
    assert json.loads(first["manifest.json"])["files"]
    assert first == second


def test_one_is_taken_out(five: Path, tmp_path: Path) -> None:
    from zif.artifacts.bundle.strip import strip

    made = open_bundle(strip(open_bundle(five), tmp_path / "one.zif", ["snapdragon-8-elite"]))
    assert made.targets == ("snapdragon-8-elite",)
    kept = {f"context_binaries/00-htp-v79.{kind}" for kind in ("bin", "json", "onnx", "trace")}
    assert {*made.files} == {*kept, "input_specs.json", "session.json"}
    feeds = entry("mtcnn-rnet").inputs()
    with zif.load(made.folder) as one, zif.load(five, "snapdragon-8-elite") as whole:
        ours, theirs = one.run(feeds), whole.run(feeds)
    assert all((ours[name] == theirs[name]).all() for name in theirs)
