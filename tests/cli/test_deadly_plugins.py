"""A plugin that ends, hangs or kills its process, at import and in every hook: all commands go on and name it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.test_plugin_faults import EVIL
from fakes import GOOD, Site
from small import classifier

HOWS = {
    "segfault": "import ctypes; ctypes.string_at(0)",
    "abort": "import os; os.abort()",
    "exit": "import os; os._exit(0)",
    "spin": "while True: pass",
    "sleep": "import time; time.sleep(3600)",
    "raise": "raise RuntimeError('no luck')",
}
HOOKS = ("import", "general", "model", "convert", "compile", "load", "run", "close")
#: The seconds of work that a plugin has for each step.
SHORT = {"ZIF_DEADLINE": "2"}
CASES = [(at, how) for at in HOOKS for how in ("segfault", "exit", "spin")]
CASES += [(at, how) for at in ("import", "run") for how in ("abort", "sleep")]
#: Every hook dies, and every way to die is met, once.
QUICK = {*((at, "segfault") for at in HOOKS), ("import", "spin"), ("run", "sleep"), ("load", "exit"), ("run", "abort")}


def evil(site: Site, at: str, how: str) -> None:
    """A good backend, and one that the plan would prefer and that does it."""
    site.add("good")
    cheap = "COST, RATES = 0.001, Rates({'fp32': 1e15}, 1e13)"
    site.add("evil", EVIL.format(at=at, how=HOWS[how], good=f"{GOOD}\n{cheap}"))


@pytest.mark.parametrize(
    ("at", "how"), [case if case in QUICK else pytest.param(*case, marks=pytest.mark.slow) for case in CASES]
)
def test_what_kills_its_process_is_named_by_every_command_and_takes_none_down(
    site: Site, tmp_path: Path, at: str, how: str
) -> None:
    evil(site, at, how)
    model = classifier(tmp_path / "net.onnx")
    rows = {one["name"]: one for one in site.zif("backends", "--json", **SHORT).json["backends"]}
    assert rows["good"]["available"]
    assert not rows["evil"]["available"]
    words = {"segfault": "died of SIGSEGV", "abort": "died of SIGABRT", "exit": "status 0"}.get(how, "did not answer")
    assert words in rows["evil"]["reason"]
    assert "'evil' (fake-evil 1.0)" in rows["evil"]["reason"]
    step = {"general": "capabilities", "model": "capabilities with a model", "run": "execute"}.get(at, at)
    assert f", in {step}." in rows["evil"]["reason"]
    for command in (
        ["backends"],
        ["doctor"],
        ["plan", model],
        ["run", model, "--random", "0"],
        ["compile", model, "-o", tmp_path / "net.zif"],
        ["profile", model, "--random", "0", "--runs", "1", "--warmup", "0"],
    ):
        done = site.zif(*command, **SHORT)
        assert done.code == 0, done.err
        assert "(fake-evil 1.0)" in done.out + done.err
        assert words in done.out + done.err
        assert "Traceback" not in done.err
    asked = site.zif("run", model, "--random", "0", "--only", "evil", **SHORT)
    assert (asked.code, words in asked.err) == (1, True)


@pytest.mark.parametrize("at", HOOKS)
def test_what_only_raises_is_named_too(site: Site, tmp_path: Path, at: str) -> None:
    evil(site, at, "raise")
    model = classifier(tmp_path / "net.onnx")
    done = site.zif("run", model, "--random", "0", "--json", "--on-fault", "fallback")
    assert done.code == 0, done.err
    text = json.dumps(done.json["events"])
    assert "no luck" in text
    assert "evil" in text


def test_it_is_tried_once_for_its_content(site: Site, tmp_path: Path) -> None:
    count = f"open({str(tmp_path / 'count')!r}, 'a').write('x')"
    site.add("deadly", f"{count}\nimport os; os._exit(3)")
    site.add("good", f"{count}\n{GOOD}")
    for _ in range(3):
        assert site.zif("backends").code == 0
    assert (tmp_path / "count").read_text() == "x" * (1 + 1 + 3)  # one trial each, and the good one three times here
    site.add("deadly", GOOD, version="2.0")  # a new one in the place of the old
    rows = {one["name"]: one for one in site.zif("backends", "--json").json["backends"]}
    assert rows["deadly"]["available"]


def test_doctor_tries_it_again(site: Site, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    site.add("moody", f"import os, pathlib\nif not pathlib.Path({str(mark)!r}).exists(): os._exit(3)\n{GOOD}")
    assert site.zif("backends", "--json").json["backends"][0]["reason"]
    mark.touch()
    assert site.zif("backends", "--json").json["backends"][0]["reason"]
    assert site.zif("doctor").code == 0
    assert site.zif("backends", "--json").json["backends"][0]["available"]


def test_one_that_was_too_slow_is_tried_again_with_more_time(site: Site) -> None:
    site.add("slow", f"import time\nend = time.process_time() + 1.5\nwhile time.process_time() < end: pass\n{GOOD}")
    (row,) = site.zif("backends", "--json", ZIF_DEADLINE="0.5").json["backends"]
    assert "did not answer within 0.5 s" in row["reason"]
    (row,) = site.zif("backends", "--json", ZIF_DEADLINE="60").json["backends"]
    assert row["available"]


def test_the_host_may_ask_for_it_in_its_own_process(site: Site) -> None:
    site.add("deadly", "import os; os._exit(3)")
    assert site.zif("backends", ZIF_IN_PROCESS="deadly").code == 3
    assert site.zif("backends").code == 0


WHERE = """
import os, pathlib
_run = Run.run


def run(self, inputs):
    pathlib.Path(os.environ["WHERE"]).write_text(str(os.getpid() == int(os.environ["HOST"])))
    return _run(self, inputs)


Run.run = run
"""


@pytest.mark.parametrize(("taken", "here"), [((), True), (("Gelu",), False), (("MatMul", "Relu", "Softmax"), True)])
def test_what_was_not_seen_to_survive_is_done_in_a_worker(
    site: Site, tmp_path: Path, taken: tuple[str, ...], here: bool
) -> None:
    """Only a backend that was taken through every stage, with an operator that it takes, does them in this process."""
    site.add("rare", GOOD + WHERE, OPS=frozenset(taken))
    site.add("good")
    model = tmp_path / "net.onnx"
    if taken == ("Gelu",):
        import onnx
        from onnx import TensorProto, helper

        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (2, 2)) for name in "xy"]
        graph = helper.make_graph([helper.make_node("Gelu", ["x"], ["y"], "g")], "net", ends[:1], ends[1:])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), model)
    else:
        classifier(model)
    code = f"""
    import os
    os.environ["HOST"] = str(os.getpid())
    import zif, numpy as np
    session = zif.load({str(model)!r}, only=["rare"])
    info = session.plan.inputs[0]
    session.run({{info.name: np.ones(info.shape, np.float32)}})
    """
    done = site.python(code, WHERE=str(tmp_path / "where"))
    assert done.code == 0, done.err
    assert (tmp_path / "where").read_text() == str(here)
