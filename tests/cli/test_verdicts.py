"""`zif verdicts`: a backend's table, its engine's answer and what was seen, side by side."""

from __future__ import annotations

from pathlib import Path

from fakes import GOOD, Site
from small import classifier

THREE = """
from zif import OpClaim
import attrs

_plain = capabilities

@hookimpl
def capabilities(target, model):
    made = _plain(target, model)
    verdicts = {unit.id: answer(unit.op_type) for unit in model.units} if model else {}
    return attrs.evolve(made, ops=(OpClaim("MatMul"), OpClaim("Softmax")), verdicts=verdicts)

def answer(op_type):
    return {
        "MatMul": Verdict(True, "probed"),
        "Softmax": Verdict(
            False, "observed", "observed-wrong", "off by 90", overruled=Verdict(True, "probed").chain
        ),
    }.get(op_type, Verdict(True, "probed"))
"""


def test_who_says_what_of_a_unit(site: Site, tmp_path: Path) -> None:
    site.add("three", GOOD + THREE)
    site.add("plain", COST=100.0)
    model = classifier(tmp_path / "net.onnx")
    found = site.zif("verdicts", model, "--json", "--all").json
    rows = {
        row["op_type"]: (row["declared"], row["probed"], row["observed"])
        for row in found["units"]
        if row["backend"] == "three"
    }
    assert rows["MatMul"] == (True, True, None)
    assert rows["Softmax"] == (True, True, False)
    assert rows["Relu"] == (False, True, None)
    softmax = next(row for row in found["units"] if (row["backend"], row["op_type"]) == ("three", "Softmax"))
    assert [(one["source"], one["basis"], one["supported"]) for one in softmax["said"]] == [
        ("table", "declared", True),
        ("backend", "probed", True),
        ("backend", "observed", False),
    ]
    assert {row["verified"] for row in found["units"]} == {None}
    text = site.zif("verdicts", model).out
    assert "(Softmax): declared takes, probed takes, observed no: off by 90 [observed-wrong]" in text
    assert "MatMul)" not in text
    assert sum(one["units"] for one in found["summary"] if one["backend"] == "three") == len(
        [row for row in found["units"] if row["backend"] == "three"]
    )
