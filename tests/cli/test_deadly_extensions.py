"""What other distributions bring beside backends, where it ends or hangs its process: named, and nothing taken down."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from cli.test_deadly_plugins import HOWS, SHORT
from fakes import GOOD, Site
from onnx import TensorProto, helper
from small import classifier

WORDS = {"segfault": "died of SIGSEGV", "exit": "ended by itself with status 0", "sleep": "did not answer within 2 s"}
#: In CI each kind of extension dies at once; how it hangs and how it ends quietly are the same for all.
SLOW = [pytest.param(how, marks=pytest.mark.slow) for how in ("exit", "sleep")]
DEADLY = ["segfault", *SLOW]


def bring(site: Site, group: str, how: str, name: str = "evil") -> None:
    site.add("good")
    site.add(name, HOWS[how], group=group, distribution="fake-evil")


def named(text: str, how: str) -> None:
    flat = " ".join(text.split())
    assert WORDS[how] in flat
    assert "fake-evil" in flat
    assert "Traceback" not in text


@pytest.mark.parametrize("how", sorted(WORDS))
def test_a_command(site: Site, tmp_path: Path, how: str) -> None:
    bring(site, "zif.commands", how)
    listed = site.zif("--help", **SHORT)
    assert listed.code == 0
    assert "  plan " in listed.out
    called = site.zif("evil", **SHORT)
    assert called.code == 3
    named(called.err, how)
    assert site.zif("plan", classifier(tmp_path / "net.onnx"), **SHORT).code == 0
    doctor = site.zif("doctor", **SHORT)
    assert doctor.code == 0
    assert "command evil" in doctor.out
    named(doctor.out, how)


def test_a_verb(site: Site) -> None:
    bring(site, "zif.verbs", "exit", "quantize")
    code = "import zif\ntry:\n    zif.quantize('m.onnx')\nexcept zif.ZifError as error:\n    print(error)"
    done = site.python(code, **SHORT)
    assert done.code == 0
    named(done.out, "exit")


@pytest.mark.parametrize("how", DEADLY)
def test_an_exporter(site: Site, tmp_path: Path, how: str) -> None:
    bring(site, "zif.exporters", how)
    source = "from zif.plugin import Exporter\nimport zif\nEXPORTER = Exporter('what is fine', lambda *_: None)\n"
    (site.folder / "fine_export.py").write_text(source)
    info = next(site.folder.glob("fake_good-*.dist-info"))
    with (info / "entry_points.txt").open("a") as file:
        file.write("[zif.exporters]\nfine = fine_export:EXPORTER\n")
    listed = site.zif("export", "--list", "--json", **SHORT)
    assert listed.code == 0, listed.err
    assert [one["for"] for one in listed.json["exporters"]] == ["fine"]
    named(listed.err, how)
    asked = site.zif("export", classifier(tmp_path / "net.onnx"), "--for", "evil", "-o", tmp_path / "o", **SHORT)
    assert asked.code == 3
    named(asked.err, how)


@pytest.mark.parametrize("how", DEADLY)
def test_checks_of_engines(site: Site, how: str) -> None:
    bring(site, "zif.checks", how)
    done = site.zif("doctor", "--json", **SHORT)
    assert done.code == 0, done.err
    (row,) = [one for one in done.json["checks"] if one["name"] == "evil"]
    assert row["state"] == "broken"
    named(f"{row['text']} {row['distribution']}", how)
    assert done.json["backends"][0]["available"]


FRONTEND = """
import zif
from zif.plugin import Recognized


@zif.hookimpl
def recognize(source):
    {recognize}


@zif.hookimpl
def convert(source, request, folder):
    {convert}
"""


#: A conversion may take its time: one that does nothing is ended after two minutes, and that is not waited for here.
AT = [
    (at, how) for at in ("import", "recognize", "convert") for how in sorted(WORDS) if (at, how) != ("convert", "sleep")
]


@pytest.mark.parametrize(
    ("at", "how"), [pair if pair[1] == "segfault" else pytest.param(*pair, marks=pytest.mark.slow) for pair in AT]
)
def test_a_frontend(site: Site, tmp_path: Path, how: str, at: str) -> None:
    site.add("good")
    recognize = "return Recognized('a thing', 'none')" if at == "convert" else HOWS[how]
    source = HOWS[how] if at == "import" else FRONTEND.format(recognize=recognize, convert=HOWS[how])
    site.add("evil", source, group="zif.frontends")
    (tmp_path / "thing.evil").write_bytes(b"\0a thing")
    for words in (["convert", tmp_path / "thing.evil", "-o", tmp_path / "m.onnx"], ["plan", tmp_path / "thing.evil"]):
        done = site.zif(*words, **{**SHORT, "ZIF_DEADLINE": "0.7"})
        assert done.code == 3, done.out
        assert "frontend 'evil' (fake-evil 1.0)" in done.err
        assert (WORDS[how] if how != "sleep" else "and was ended") in done.err
        assert "--exclude" not in done.err
    assert site.zif("plan", classifier(tmp_path / "net.onnx"), **SHORT).code == 0


def test_a_frontend_for_what_lies_in_memory(site: Site) -> None:
    bring(site, "zif.frontends", "exit")
    code = "import zif\ntry:\n    zif.load(object())\nexcept zif.ZifError as error:\n    print(error)"
    done = site.python(code, **SHORT)
    assert done.code == 0
    named(done.out, "exit")


@pytest.mark.parametrize("how", DEADLY)
@pytest.mark.parametrize("at", ["import", "asked"])
def test_types_of_operators(site: Site, tmp_path: Path, how: str, at: str) -> None:
    site.add("good", GOOD)
    source = HOWS[how] if at == "import" else f"def types(*asked):\n    {HOWS[how]}\n"
    (site.folder / "evil_types.py").write_text(source)
    site.add("evil", GOOD, OPS=["Tanh"])
    with next(site.folder.glob("fake_evil-*.dist-info")).joinpath("entry_points.txt").open("a") as file:
        file.write("[zif.operator_types]\nevil = evil_types:types\n")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (2, 2)) for name in "xy"]
    nodes = [helper.make_node("Own", ["x"], ["h"], domain="my.own"), helper.make_node("Relu", ["h"], ["y"])]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my.own", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "net.onnx")
    done = site.zif("plan", tmp_path / "net.onnx", **SHORT)
    assert done.code == 0, done.err
    doctor = site.zif("doctor", **SHORT)
    assert "operator types of evil" in doctor.out
    named(doctor.out, how)


def test_it_is_tried_once_for_its_content_and_again_by_doctor(site: Site, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    guard = f"import os, pathlib\nif not pathlib.Path({str(mark)!r}).exists(): os._exit(3)\n"
    (site.folder / "moody.py").write_text(guard + "def command():\n    print('here')\n")
    site.add("good")
    with next(site.folder.glob("fake_good-*.dist-info")).joinpath("entry_points.txt").open("a") as file:
        file.write("[zif.commands]\nmoody = moody:command\n")
    assert site.zif("moody").code == 3
    mark.touch()
    assert site.zif("moody").code == 3
    assert "command moody" not in site.zif("doctor").out
    assert site.zif("moody").out == "here\n"
