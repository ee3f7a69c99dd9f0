from __future__ import annotations

import pytest
from zif import UsageError
from zif.backends.options import build_options
from zif_qnn_htp.chips import Chip
from zif_qnn_htp.options import HtpOptions, provider_options

CHIP = Chip("a chip", 57, 75, fp16=True)


def test_chip_is_always_named() -> None:
    assert provider_options(HtpOptions(), CHIP).given() == {"soc_model": "57"}


def test_words_become_those_of_the_provider() -> None:
    options = HtpOptions(performance_mode="burst", vtcm_mb=4, finalization="thorough", context_priority="high")
    assert provider_options(options, CHIP).given() == {
        "soc_model": "57",
        "htp_performance_mode": "burst",
        "vtcm_mb": "4",
        "htp_graph_finalization_optimization_mode": "3",
        "qnn_context_priority": "high",
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"performance_mode": "warp"}, "sustained_high_performance"),
        ({"vtcm": 4}, "Known: .*vtcm_mb"),
        ({"vtcm_mb": 100}, "64"),
        ({"finalization": "slow"}, "thorough"),
        ({"dlc": "perhaps"}, "true or false"),
    ],
)
def test_unknown_or_impossible_is_refused_with_what_is_possible(given: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        build_options(HtpOptions, given, "qnn_htp")
