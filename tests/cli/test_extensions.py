"""Commands and verbs that other distributions bring: found by metadata, imported when called, and told when broken."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from fakes import Site, metadata
from onnx import TensorProto, helper
from zif.files.installing import to_install

GREET = """
def command(name: str, loud: bool = False) -> None:
    '''Greet somebody.'''
    print(f"hello {name}{'!' if loud else ''}")


def double(value):
    return 2 * value
"""
GROUP = """
import typer

app = typer.Typer(help="Two in one.")

@app.command("first")
def first() -> None:
    '''The first.'''
    print("the first")

@app.command("second")
def second() -> None:
    '''The second.'''
    import zif
    raise zif.UsageError("not like that: say it otherwise")
"""


def bring(site: Site, module: str, source: str, points: str) -> None:
    (site.folder / f"{module}.py").write_text(source)
    (metadata(site.folder, module.replace("_", "-"), "1.0") / "entry_points.txt").write_text(points)


def save_relu(path: Path) -> None:
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])  # noqa: E731
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "net", [value("x")], [value("y")])
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def test_a_command_is_in_the_help_and_runs(site: Site) -> None:
    bring(site, "greeter", GREET, "[zif.commands]\ngreet = greeter:command\n")
    listed = site.zif("--help")
    assert listed.code == 0
    assert "greet " in listed.out
    assert "Greet somebody." in listed.out
    assert "plan " in listed.out
    ran = site.zif("greet", "Ada", "--loud")
    assert (ran.code, ran.out) == (0, "hello Ada!\n")
    assert "Usage: zif greet" in site.zif("greet", "--help").out
    assert site.zif("greet").code == 2


def test_a_command_may_have_commands_and_zif_s_errors(site: Site) -> None:
    bring(site, "two_in_one", GROUP, "[zif.commands]\ntwo = two_in_one:app\n")
    assert site.zif("two", "first").out == "the first\n"
    wrong = site.zif("two", "second")
    assert wrong.code == 2
    assert "say it otherwise" in wrong.err


def test_what_is_not_called_is_not_imported(site: Site) -> None:
    bring(site, "greeter", "raise RuntimeError('imported')", "[zif.commands]\ngreet = greeter:command\n")
    assert site.zif("targets").code == 0


def test_a_broken_command_is_told_and_takes_nothing_down(site: Site) -> None:
    bring(site, "greeter", "raise RuntimeError('no luck')", "[zif.commands]\ngreet = greeter:command\n")
    listed = site.zif("--help")
    assert listed.code == 0
    assert "plan " in listed.out
    assert "greet " in listed.out
    ran = site.zif("greet", "Ada", "--loud")
    assert ran.code == 3
    assert "greeter 1.0 cannot be imported: RuntimeError: no luck" in ran.err
    assert "Traceback" not in ran.err


def test_two_that_bring_the_same_command_are_named(site: Site) -> None:
    for module in ("greeter", "welcomer"):
        bring(site, module, GREET, f"[zif.commands]\ngreet = {module}:command\n")
    ran = site.zif("greet", "Ada")
    assert ran.code == 3
    assert "greeter 1.0 and welcomer 1.0: uninstall all but one" in ran.err


def test_core_s_own_command_is_not_replaced(site: Site) -> None:
    bring(site, "greeter", GREET, "[zif.commands]\nversion = greeter:command\n")
    assert "hello" not in site.zif("version").out


@pytest.mark.parametrize("name", ["quantize", "encodings"])
def test_a_documented_command_says_what_brings_it(site: Site, name: str) -> None:
    ran = site.zif(name, "model.onnx", "-o", "q.onnx")
    assert ran.code == 2
    assert to_install("zif-quantize") in ran.err


def test_an_unknown_command_is_wrong_usage(site: Site) -> None:
    ran = site.zif("plann", "model.onnx")
    assert ran.code == 2
    assert "No such command 'plann'. Did you mean 'plan'?" in ran.err


def test_a_verb_is_a_public_name(site: Site) -> None:
    code = "import zif; print(hasattr(zif, 'quantize'), 'quantize' in zif.__all__, 'quantize' in dir(zif))\n"
    code += "try:\n    zif.quantize('m.onnx')\nexcept zif.UsageError as error:\n    print(error)\n"
    missing = site.python(code)
    assert missing.out.startswith("True True True\n")
    assert to_install("zif-quantize") in missing.out
    bring(site, "greeter", GREET, "[zif.verbs]\nquantize = greeter:double\n")
    assert site.python("import zif; print(zif.quantize(21))").out == "42\n"


def test_compiling_with_quantization_says_what_brings_it(site: Site, tmp_path: Path) -> None:
    site.add("good")
    save_relu(tmp_path / "m.onnx")
    ran = site.zif("compile", tmp_path / "m.onnx", "-o", tmp_path / "b.zif", "--quantize", "w8")
    assert ran.code == 2
    assert to_install("zif-quantize") in ran.err
    assert not (tmp_path / "b.zif").exists()


@pytest.mark.parametrize("text", ["[zif.backends]\nhalf\n", "[zif.checks]\nx = \n= y\nz\n"])
def test_damaged_metadata_of_one_takes_no_other_along(site: Site, text: str) -> None:
    """As when an installation was cut short: the line has a name, and no value yet."""
    site.add("good")
    half = metadata(site.folder, "half", "1.0")
    (half / "entry_points.txt").write_text(text)
    for words in (["backends"], ["version"], ["targets"]):
        result = site.zif(*words)
        assert (result.code, result.err) == (0, ""), words
    assert "good" in site.zif("backends").out
    found = site.zif("doctor", "--json").json
    assert any("half-1.0" in str(row) and "install it again" in str(row) for row in found["checks"]), found


def test_a_check_without_metadata_is_one_that_is_broken_or_not(site: Site) -> None:
    site.add("one", "def checks():\n    return []\n", group="zif.checks")
    next(site.folder.glob("fake_one-*.dist-info/METADATA")).unlink()
    assert "bug in zif" not in site.zif("doctor").err
