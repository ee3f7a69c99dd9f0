from __future__ import annotations

import pytest
from onnx import TensorProto
from qnn_runtime.graphs import CHIP, cnn, single
from zif.records import CODES
from zif_qnn_runtime import ProviderOptions, QnnError, query

pytestmark = pytest.mark.usefixtures("htp")
OPTIONS = ProviderOptions(soc_model=CHIP)


def only(model: object, soc_model: int = CHIP) -> object:
    return query(model.SerializeToString(), "htp", ProviderOptions(soc_model=soc_model)).nodes["only"]  # type: ignore[attr-defined]


def test_each_node_has_a_verdict_under_its_own_name() -> None:
    nodes = query(cnn(erf=True).SerializeToString(), "htp", OPTIONS).nodes
    assert [nodes[name].accepted for name in ("conv", "relu", "pool", "erf")] == [True, True, True, False]
    assert nodes["erf"].code == "op"
    assert "Erf" in nodes["erf"].reason


@pytest.mark.parametrize(
    ("model", "code", "words"),
    [
        (single("Relu", TensorProto.DOUBLE), "dtype", "float64 of rank 2"),
        (single("Relu", shape=("N", 8)), "dynamic-shape", "every dimension fixed"),
        (single("Softplus", shape=(1, 2, 1, 2, 1, 2)), "rank", "rank > 4"),
        (single("Erf"), "op", "no operator for Erf"),
    ],
)
def test_refusal_has_a_code_and_a_reason(model: object, code: str, words: str) -> None:
    answer = only(model)
    assert not answer.accepted  # type: ignore[attr-defined]
    assert answer.code == code  # type: ignore[attr-defined]
    assert words in answer.reason  # type: ignore[attr-defined]
    assert answer.code in CODES  # type: ignore[attr-defined]


def test_unknown_chip_is_an_error() -> None:
    with pytest.raises(QnnError, match="did not start"):
        query(cnn().SerializeToString(), "htp", ProviderOptions(soc_model=10_000))


def test_the_question_leaves_the_logger_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    query(cnn(erf=True).SerializeToString(), "htp", OPTIONS)
    assert capfd.readouterr() == ("", "")
