"""The socket for frontends, with one for a format of the tests' own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
from broken import JUDGE
from environments import taken_in
from fakes import GOOD, Site
from jsonschema import Draft202012Validator
from zif.schemas import schema

#: Reads "TOY <factor>": y = factor * x, over [1, 4]. What else stands in the file makes it fail in various ways.
TOY = """
from pathlib import Path
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import zif
from zif import hookimpl
from zif.plugin import Imported, Recognized

WRONG = 1.0


def words(source):
    return Path(source).read_text().split()


@hookimpl
def recognize(source):
    if not isinstance(source, Path) or not source.is_file() or source.read_bytes()[:3] != b"TOY":
        return None
    rest = words(source)[1:]
    if rest == ["state"]:
        return Recognized("a toy's state", "toy 1.0", problem="it holds no operators: save the toy")
    return Recognized("a toy", "toy 1.0", (str(source),), runs="its own code" if "code" in rest else "")


@hookimpl
def convert(source, request, folder):
    import os, sys
    print("noise on stdout")
    rest = words(source)[1:]
    if "crash" in rest:
        print("the toolkit's last words", file=sys.stderr, flush=True)
        os.abort()
    if "exit" in rest:
        sys.exit(3)
    if "raise" in rest:
        raise KeyError("layer")
    if "bare" in rest:
        import a_framework_that_is_not_there
    if "unknown" in rest:
        raise zif.Unsupported("the operator Frobnicate cannot be said in ONNX")
    shape = list(request.shapes.get("x", (1, 4)))
    factor = numpy_helper.from_array(np.float32(float(rest[0]) * WRONG), "factor")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy")
    other = "nothing" if "invalid" in rest else "factor"
    graph = helper.make_graph([helper.make_node("Mul", ["x", other], ["y"], "m")], "toy", [x], [y], [factor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", request.opset or 17)], ir_version=8)
    onnx.save(model, folder / "made.onnx")
    names = {"input": "x"}, {"output": "y"}
    return Imported("made.onnx", "toy exporter 1", request.opset or 17, *names, notes=("a toy",))


@hookimpl
def run(source, request, inputs):
    return {"y": inputs["x"] * np.float32(float(words(source)[1]))}
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site")
    site.add("cpu", GOOD + JUDGE)
    site.add("toy", TOY, group="zif.frontends")
    return site


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    path = tmp_path / "net.toy"
    path.write_text("TOY 3.5")
    return path


def converted(site: Site, toy: Path, *words: str | Path) -> Any:
    done = site.zif("convert", toy, "-o", toy.with_suffix(".onnx"), "--json", *words)
    assert done.code == 0, done.err
    return done.json


def test_a_source_comes_in_and_is_held_against_itself(site: Site, toy: Path) -> None:
    told = converted(site, toy)
    Draft202012Validator(schema("convert")).validate(told)
    assert told["what"] == "a toy"
    assert told["inputs"] == [{"source": "input", "name": "x", "type": "tensor(float)", "shape": [1, 4]}]
    assert told["operators"] == {"Mul": 1}
    assert told["check"]["samples"] == 3
    assert told["check"]["outputs"][0]["equal"]
    assert onnx.load(toy.with_suffix(".onnx")).opset_import[0].version == 17


def test_what_is_told_on_a_terminal(site: Site, toy: Path) -> None:
    done = site.zif("convert", toy, "-o", toy.with_suffix(".onnx"))
    assert done.code == 0, done.err
    assert "the same as its source (toy 1.0) on 3 samples" in done.out
    assert "noise" not in done.out + done.err


def test_no_opset_is_the_newest_that_every_backend_takes(site: Site, toy: Path) -> None:
    """An engine's table that has no Pad of version 21 holds the opset down; what it never had does not."""
    plugin = site.folder / "fake_toy.py"
    plugin.write_text(plugin.read_text().replace("request.opset or 17", "request.opset_within(9, 99)"))
    newest = converted(site, toy)["opset"]
    rows = "ops=(zif.OpClaim('Pad', until=19), zif.OpClaim('Upsample', until=9)), "
    site.add("older", GOOD.replace("toolchain=TOOLCHAIN, ", f"toolchain=TOOLCHAIN, {rows}"))
    assert converted(site, toy, "--overwrite")["opset"] == 20 < newest


def test_opset_and_shape_reach_the_frontend(site: Site, toy: Path) -> None:
    told = converted(site, toy, "--opset", "15", "--shape", "x=2,7")
    assert (told["opset"], told["opset_asked"], told["inputs"][0]["shape"]) == (15, 15, [2, 7])


def test_a_conversion_is_made_once_for_one_content(site: Site, toy: Path) -> None:
    assert not converted(site, toy)["cached"]
    again = toy.with_name("copy") / "net.toy"
    again.parent.mkdir()
    again.write_text(toy.read_text())
    assert converted(site, again)["cached"]
    again.write_text("TOY 2.5")
    assert not converted(site, again, "--overwrite")["cached"]


def test_every_command_takes_the_source_itself(site: Site, toy: Path) -> None:
    assert site.zif("plan", toy, "--json").json["model"] == "net"
    done = site.zif("run", toy, "--random", "0", "--json")
    assert done.code == 0, done.err
    bundle = site.zif("compile", toy, "-o", toy.with_suffix(".zif"))
    assert bundle.code == 0, bundle.err
    assert site.zif("run", toy.with_suffix(".zif"), "--random", "0").code == 0
    assert site.zif("compare", toy, toy, "--random", "0").code == 0


def test_python_takes_the_source_itself(site: Site, toy: Path) -> None:
    code = f"""
        import numpy as np, zif
        with zif.load({str(toy)!r}) as session:
            print(session.run({{"x": np.ones((1, 4), np.float32)}})["y"].tolist())
    """
    assert site.python(code).out.split() == ["[[3.5,", "3.5,", "3.5,", "3.5]]"]


@pytest.mark.parametrize("command", [["convert", "-o", "out.onnx"], ["plan"], ["run", "--random", "0"]])
def test_a_wrong_conversion_is_exit_1_and_writes_nothing(
    site: Site, toy: Path, tmp_path: Path, command: list[str]
) -> None:
    plugin = site.folder / "fake_toy.py"
    plugin.write_text(plugin.read_text() + "\nWRONG = 1.01\n")
    done = site.zif(command[0], toy, *command[1:], cwd=tmp_path)
    assert done.code == 1
    assert "is not what it was: output 'y' is 40.0 dB from the source, and 60 is the least" in done.err
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("TOY state", 2, "it holds no operators: save the toy"),
        ("TOY 1 code", 2, "converting it runs its own code"),
        ("TOY 1 unknown", 2, "the operator Frobnicate cannot be said in ONNX"),
        ("TOY 1 invalid", 2, "what toy exporter 1 wrote is no valid ONNX: "),
        ("TOY 1 bare", 2, "needs a_framework_that_is_not_there, which is not installed where it runs: pip install"),
        ("TOY 1 raise", 3, "frontend 'toy' (fake-toy 1.0) failed in convert: 'layer'"),
        ("TOY 1 exit", 3, "it called for the end of the process"),
        ("TOY 1 crash", 3, "died of SIGABRT"),
    ],
)
def test_what_goes_wrong_is_one_paragraph(site: Site, tmp_path: Path, text: str, code: int, word: str) -> None:
    path = tmp_path / "net.toy"
    path.write_text(text)
    done = site.zif("plan", path)
    assert (done.code, "Traceback" in done.err) == (code, False), done.err
    assert word in " ".join(done.err.split())


def test_trust_lets_it_run(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "net.toy"
    path.write_text("TOY 1 code")
    assert site.zif("convert", path, "-o", tmp_path / "o.onnx", "--trust").code == 0


def test_data_files_go_beside_the_model(site: Site, toy: Path, tmp_path: Path) -> None:
    plugin = site.folder / "fake_toy.py"
    saved = 'onnx.save(model, folder / "made.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)'
    plugin.write_text(plugin.read_text().replace('onnx.save(model, folder / "made.onnx")', saved))
    told = converted(site, toy)
    assert Path(told["model"]).with_name("net.onnx.data").stat().st_size == 4
    assert site.zif("run", told["model"], "--random", "0").code == 0


def test_an_output_that_is_there_stays(site: Site, toy: Path) -> None:
    toy.with_suffix(".onnx").write_text("mine")
    done = site.zif("convert", toy, "-o", toy.with_suffix(".onnx"))
    assert (done.code, toy.with_suffix(".onnx").read_text()) == (2, "mine")


def test_onnx_loads_no_frontend(site: Site, toy: Path, tmp_path: Path) -> None:
    model = Path(converted(site, toy)["model"])
    plugin = site.folder / "fake_toy.py"
    plugin.write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()\n" + plugin.read_text())
    assert site.zif("run", model, "--random", "0").code == 0
    assert not (tmp_path / "imported").exists()
    assert json.loads(site.zif("plan", toy, "--json", ZIF_CACHE="off").out)["model"] == "net"
    assert (tmp_path / "imported").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_behind_stdout_is_exit_code_1(site: Site, toy: Path, tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-S", "-m", "zif", "convert", toy, "-o", tmp_path / "o.onnx", "--json"],
            env=site.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, "No space left" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("head", "what", "name"),
    [
        (b"\x1c\0\0\0TFL3" + bytes(64), "a TFLite model", "tensorflow"),
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "an HDF5 file, as Keras and Caffe write them", "tensorflow"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "a PyTorch checkpoint", "torch"),
        (b'layer { name: "x" type: "ReLU" }', "a Caffe network", "caffe"),
    ],
)
def test_an_exporter_that_is_not_installed_is_one_command_away(
    site: Site, tmp_path: Path, head: bytes, what: str, name: str
) -> None:
    (tmp_path / "net").write_bytes(head)
    done = site.zif("plan", tmp_path / "net")
    assert (done.code, "Traceback" in done.err) == (2, False), done.err
    said = " ".join(done.err.split())
    assert f"net is {what}, and its frontend is not installed: `zif env create {name} zif-{name}`" in said


def test_nothing_of_it_is_imported_for_onnx(site: Site, toy: Path) -> None:
    model = converted(site, toy)["model"]
    loaded = "sorted(name for name in sys.modules if 'frontends' in name and name.count('.') > 2)"
    assert site.python(f"import sys, zif; print({loaded})").out.strip() == "[]"
    code = f"""
        import sys
        import zif.cli
        sys.argv = ["zif", "run", {model!r}, "--random", "0"]
        try:
            zif.cli.main()
        except SystemExit:
            pass
        print([name for name in sys.modules if name.split(".")[0] in ("torch", "tensorflow", "jax", "fake_toy")])
        print([name for name in {loaded} if not name.endswith(("sources", "verb", "contract", "alike"))])
    """
    assert site.python(code).out.strip().splitlines()[-2:] == ["[]", "[]"]


def test_a_frontend_may_live_in_an_environment_of_its_own(tmp_path: Path, toy: Path) -> None:
    site = Site(tmp_path / "site")
    site.add("cpu", GOOD + JUDGE)
    assert site.zif("plan", toy).code == 2
    plugins = Site(tmp_path / "plugins")
    plugins.add("toy", TOY, group="zif.frontends")
    taken_in(site, "toys", plugins)
    assert site.zif("plan", toy, "--json").json["model"] == "net"
    assert site.zif("env", "ls", "--json").json["environments"][0]["frontends"] == ["toy"]
