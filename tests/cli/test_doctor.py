"""`zif doctor`: what can run, what cannot, and what would change it."""

from __future__ import annotations

from fakes import IMPORT_RAISES, Site


def test_all_is_well(site: Site) -> None:
    site.add("good")
    result = site.zif("doctor")
    assert result.code == 0
    assert "good (fake-good 1.0, hardware, fake 1.0): can run" in result.out
    document = site.zif("doctor", "--json").json
    assert document["schema"] == "zif.doctor/1"
    assert document["machine"].keys() >= {"system", "architecture", "python", "zif"}


def test_each_backend_says_what_would_change_it(site: Site) -> None:
    site.add("good")
    site.add("away", AVAILABLE=False, REASON="libAway.so not found: pip install away")
    site.add("bad", IMPORT_RAISES)
    result = site.zif("doctor")
    assert result.code == 0
    assert "away (fake-away 1.0, hardware, fake 1.0): cannot run" in result.out
    assert result.out.count("libAway.so not found: pip install away") == 2
    problems = [row["problem"] for row in site.zif("doctor", "--json").json["problems"]]
    assert len(problems) == 2
    assert "no luck today" in problems[1]


def test_a_missing_or_old_library_comes_with_its_command(site: Site) -> None:
    site.add(
        "good", requires=["not-there>=2", "numpy>=999", "zif", "nowhere; sys_platform == 'vms'", "bad requirement!"]
    )
    problems = {row["fix"]: row["problem"] for row in site.zif("doctor", "--json").json["problems"]}
    assert problems["pip install 'not-there>=2'"] == "not-there is not installed, fake-good wants >=2"
    assert "fake-good wants >=999" in problems["pip install 'numpy>=999'"]
    assert len(problems) == 2


def test_without_a_backend_that_can_run_it_fails(site: Site) -> None:
    result = site.zif("doctor")
    assert result.code == 1
    assert "pip install zif-qnn-cpu" in result.out
    site.add("bad", IMPORT_RAISES)
    assert site.zif("doctor").code == 1


def test_variables_that_matter_are_shown(site: Site) -> None:
    site.add("good")
    result = site.zif("doctor", "--json", QNN_SDK_ROOT="/opt/qairt")
    assert result.json["environment"]["QNN_SDK_ROOT"] == "/opt/qairt"
