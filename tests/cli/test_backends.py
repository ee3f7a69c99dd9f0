"""`zif backends`: every plugin is a row, whatever is wrong with it; listing imports none."""

from __future__ import annotations

from typing import Any

import fakes
import pytest
from fakes import Site


def rows(site: Site, **environment: str) -> dict[str, list[dict[str, Any]]]:
    result = site.zif("backends", "--json", **environment)
    assert result.code == 0, result.err
    assert result.json["schema"] == "zif.backends/1"
    found: dict[str, list[dict[str, Any]]] = {}
    for row in result.json["backends"]:
        found.setdefault(row["name"], []).append(row)
    return found


def test_a_good_backend_is_a_whole_row(site: Site) -> None:
    site.add("good", version="2.5")
    (row,) = rows(site)["good"]
    expected = {"distribution": "fake-good", "version": "2.5", "kind": "hardware", "available": True, "reason": ""}
    assert row.items() >= expected.items()
    assert row["stages"] == ["capabilities", "load"]
    assert row["toolchain"] == "fake 1.0"


def test_an_emulator_says_so_everywhere(site: Site) -> None:
    site.add("pretend", KIND="emulator")
    (row,) = rows(site)["pretend"]
    assert row["kind"] == "emulator"
    assert "emulator" in site.zif("backends").out


def test_an_unavailable_backend_gives_its_sentence(site: Site) -> None:
    site.add("away", AVAILABLE=False, REASON="libAway.so not found: pip install away")
    (row,) = rows(site)["away"]
    assert row["available"] is False
    assert row["kind"] == "hardware"
    assert row["reason"] == "libAway.so not found: pip install away"
    assert "pip install away" in site.zif("backends").out


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (fakes.IMPORT_RAISES, "no luck today"),
        (fakes.IMPORT_EXITS, "SystemExit"),
        (fakes.NO_HOOKS, "lacks the required hook"),
        (fakes.CAPABILITIES_RAISES, "failed in capabilities: 'soc'"),
        ("def capabilities(:", "SyntaxError"),
    ],
)
def test_a_broken_plugin_is_a_row_beside_the_good_ones(site: Site, source: str, reason: str) -> None:
    site.add("good")
    site.add("bad", source, version="0.3")
    found = rows(site)
    assert found["good"][0]["available"] is True
    (row,) = found["bad"]
    assert (row["available"], row["kind"], row["version"]) == (False, None, "0.3")
    assert reason in row["reason"]
    assert "fake-bad 0.3" in row["reason"]


def test_one_that_sleeps_for_ever_costs_a_deadline_and_no_more(site: Site) -> None:
    site.add("good")
    site.add("sleepy", fakes.CAPABILITIES_SLEEPS)
    site.add("drowsy", fakes.IMPORT_SLEEPS)
    found = rows(site, ZIF_DEADLINE="1.5")
    assert found["good"][0]["available"] is True
    for name in ("sleepy", "drowsy"):
        assert "within 1.5 s" in found[name][0]["reason"]


def test_a_thread_that_lingers_does_not_hold_up_the_exit(site: Site) -> None:
    site.add("good")
    site.add("lingers", fakes.THREAD_LINGERS)
    result = site.start(["-m", "zif", "backends"], None, {"ZIF_DEADLINE": "1"})
    assert result.code == 0
    assert "within 1 s" in result.out
    assert not (site.folder / "late").exists()


def test_two_of_one_name_are_two_rows_that_name_each_other(site: Site) -> None:
    site.add("twin", distribution="twin-a")
    site.add("twin", distribution="twin-b")
    twins = rows(site)["twin"]
    assert [row["distribution"] for row in twins] == ["twin-a", "twin-b"]
    assert all("more than one installed distribution" in row["reason"] and not row["available"] for row in twins)


def test_one_for_another_core_says_which(site: Site) -> None:
    site.add("old", requires=["zif<0.0.1", "numpy>=1"])
    (row,) = rows(site)["old"]
    assert row["available"] is False
    assert "built for zif <0.0.1" in row["reason"]


def test_none_installed_says_how_to_start(site: Site) -> None:
    assert rows(site) == {}
    assert "pip install" in site.zif("backends").out


def test_a_deadline_that_is_no_number_is_refused(site: Site) -> None:
    result = site.zif("backends", ZIF_DEADLINE="soon")
    assert (result.code, result.out) == (2, "")
    assert "ZIF_DEADLINE=soon" in result.err


def test_listing_imports_no_plugin(site: Site) -> None:
    site.add("good")
    site.add("bad", fakes.IMPORT_RAISES)
    result = site.python("""
        import sys, zif
        names = [row.name for row in zif.installed()]
        loaded = [name for name in sys.modules if name.startswith("fake_")]
        heavy = [name for name in ("numpy", "onnx", "scipy", "rich", "typer") if name in sys.modules]
        print(names, loaded, heavy)
    """)
    assert (result.out.strip(), result.err) == ("['bad', 'good'] [] []", "")


def test_asking_one_backend_imports_no_other(site: Site) -> None:
    site.add("good")
    site.add("bad", fakes.IMPORT_RAISES)
    result = site.python("""
        import sys, zif
        zif.backend("good")
        print([name for name in sys.modules if name.startswith("fake_")])
    """)
    assert (result.out.strip(), result.err) == ("['fake_good']", "")


def test_a_distribution_that_is_half_installed_is_a_row(site: Site) -> None:
    site.add("good")
    site.add("half")
    next(site.folder.glob("fake[_-]half*/METADATA")).unlink()
    rows = {row["name"]: row for row in site.zif("backends", "--json").json["backends"]}
    assert rows["good"]["available"]
    assert (rows["half"]["available"], "install it again" in rows["half"]["reason"]) == (False, True)
