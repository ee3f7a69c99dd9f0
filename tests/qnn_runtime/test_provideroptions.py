from __future__ import annotations

import pytest
from zif.errors import UsageError
from zif_qnn_runtime import ProviderOptions


def test_only_what_was_set_goes_to_the_provider() -> None:
    assert ProviderOptions().chosen() == {}
    options = ProviderOptions(soc_model=57, enable_htp_spill_fill_buffer=True, htp_performance_mode="burst")
    assert options.chosen() == {
        "soc_model": "57",
        "enable_htp_spill_fill_buffer": "1",
        "htp_performance_mode": "burst",
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"vtcm_mb": 0}, "1 to 64"),
        ({"vtcm_mb": 65}, "1 to 64"),
        ({"htp_graph_finalization_optimization_mode": 9}, "0 to 3"),
        ({"soc_model": -1}, "0 or more"),
        ({"htp_performance_mode": "warp"}, "high_performance"),
    ],
)
def test_impossible_value_names_the_possible_ones(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ProviderOptions(**given)  # type: ignore[arg-type]


def test_parse_refuses_an_unknown_name_and_suggests() -> None:
    with pytest.raises(UsageError, match=r"unknown option 'vtcm_md'.*'vtcm_mb'.*Known: .*soc_model"):
        ProviderOptions.parse({"vtcm_md": 4})


def test_parse_reads_text_as_from_a_command_line() -> None:
    assert ProviderOptions.parse({"vtcm_mb": "4", "extended_udma": "no"}).chosen() == {
        "vtcm_mb": "4",
        "extended_udma": "0",
    }


def test_what_the_emulator_ignores_is_said() -> None:
    options = ProviderOptions(soc_model=57, htp_performance_mode="burst")
    assert options.remarks(emulated=True) == ("htp_performance_mode: no effect on the emulator",)
    assert options.remarks(emulated=False) == ()
