"""The second process that starts on the CPU: it asks nobody, and takes as little as the first what it should not."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from broken import save
from fakes import GOOD, Site
from onnx import TensorProto

CODE = """
import json, sys, zif, numpy as np, zif.runtime.started.load as loading
loading.Starting = lambda *_: None  # nothing goes on beside it
try:
    run = zif.load({path!r}, start="cpu", **{wishes!r})
    y = run.run({{"x": np.ones((2, 8), np.float32)}})["y"].tolist()
    told = [y, run.plan.backends[0], run.plan.notes[0], [event.kind for event in run.events], run.outputs[0].shape]
except zif.ZifError as error:
    told = [type(error).__name__, str(error)]
asked = sorted({{"onnx", "importlib_metadata", "zif.runtime.started.at_once", "zif.targets"}} & BEFORE)
print(json.dumps([told, asked]))
""".replace("& BEFORE", "& set(sys.modules)")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path / "site")
    made.add("able", GOOD, COST=50.0)
    return made


def ran(site: Site, path: Path, **wishes: object) -> tuple[list[object], list[str]]:
    made = site.python(CODE.format(path=str(path), wishes=wishes))
    assert made.code == 0, made.err
    told, asked = json.loads(made.out.splitlines()[-1])
    return told, asked


def quickly(asked: list[str]) -> bool:
    """The fake itself imports onnx to run a model."""
    return asked == ["onnx"]


def record(site: Site) -> Path:
    (path,) = site.folder.parent.rglob("starter-*.json")
    return path


def test_it_answers_the_same_and_asks_nobody(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    first, slowly = ran(site, path)
    second, asked = ran(site, path)
    assert not quickly(slowly)
    assert quickly(asked)
    assert first == second
    assert first[1:2] + first[3:] == ["able", ["started"], None]


def test_one_that_asks_for_a_process_of_its_own_has_it_the_second_time_too(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    apart = GOOD.replace("toolchain=TOOLCHAIN,", "toolchain=TOOLCHAIN, isolate=True,")
    site.add("able", apart)
    path = save(tmp_path / "m.onnx")
    for _ in range(2):
        _, asked = ran(site, path)
        assert "zif.runtime.started.at_once" in asked
        assert not list(site.folder.rglob("starter-*.json"))


@pytest.mark.parametrize("wishes", [{"target": "snapdragon-8-gen-3"}, {"shapes": {"x": [2, 8]}}, {"only": ["able"]}])
def test_whoever_wants_more_is_asked_for_it(site: Site, tmp_path: Path, wishes: dict[str, object]) -> None:
    path = save(tmp_path / "m.onnx")
    plain, _ = ran(site, path)
    told, asked = ran(site, path, **wishes)
    assert told[0] == plain[0]
    assert not quickly(asked)


def test_a_plugin_that_has_changed_is_asked_again(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    ran(site, path)
    (source,) = site.folder.rglob("*able*.py")
    source.write_text(source.read_text() + "\n# another version\n")
    told, asked = ran(site, path)
    assert told[1] == "able"
    assert not quickly(asked)
    assert quickly(ran(site, path)[1])


def test_so_is_one_beside_which_another_was_installed(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    ran(site, path)
    site.add("other", GOOD, COST=1.0)
    assert not quickly(ran(site, path)[1])


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "zif.starter/1"}', "null", "{"])
def test_a_record_that_is_damaged_is_made_anew(site: Site, tmp_path: Path, text: str) -> None:
    path = save(tmp_path / "m.onnx")
    ran(site, path)
    record(site).write_text(text)
    told, asked = ran(site, path)
    assert told[1] == "able"
    assert not quickly(asked)
    assert quickly(ran(site, path)[1])


def test_a_record_of_code_that_is_none_of_the_plugin_s_runs_nothing(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    ran(site, path)
    document = json.loads(record(site).read_text())
    record(site).write_text(json.dumps({**document, "options": "os:abort"}))
    assert not quickly(ran(site, path)[1])


def test_a_backend_that_fails_is_heard_on_the_longer_way(site: Site, tmp_path: Path) -> None:
    path, other = save(tmp_path / "m.onnx"), tmp_path / "other.onnx"
    proto = onnx.load(path)
    proto.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(proto, other)
    before, _ = ran(site, other)
    ran(site, path)
    told, asked = ran(site, other)
    assert told == before
    assert isinstance(told[0], str)
    assert not quickly(asked)


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "missing.bin"])
def test_data_outside_of_the_folder_are_refused_as_before(site: Site, tmp_path: Path, location: str) -> None:
    path, hostile = save(tmp_path / "m.onnx"), tmp_path / "models" / "m.onnx"
    ran(site, path)
    (tmp_path / "secret.bin").write_bytes(b"\0" * 256)
    hostile.parent.mkdir()
    proto = onnx.load(path)
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    hostile.write_bytes(proto.SerializeToString())
    told, _ = ran(site, hostile)
    assert told[0] == "InvalidModel"
    assert location.rpartition("/")[2] in str(told[1])


@pytest.mark.parametrize("content", [None, b"", b"no model", b"\x08\x08:\x00", b"\x08\x08B\x02\x10\x11:\x02\x0a\x00"])
def test_what_is_no_model_is_told_as_before(site: Site, tmp_path: Path, content: bytes | None) -> None:
    bad = tmp_path / "bad.onnx"
    if content is not None:
        bad.write_bytes(content)
    before, _ = ran(site, bad)
    ran(site, save(tmp_path / "m.onnx"))
    told, _ = ran(site, bad)
    assert told == before
    assert isinstance(told[0], str)
