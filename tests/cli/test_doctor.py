"""`zif doctor`: what can run, what cannot, and what would change it."""

from __future__ import annotations

import pytest
from fakes import GOOD, IMPORT_RAISES, Site
from zif.files.installing import to_install


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
    assert to_install("zif-reference") in result.out
    site.add("bad", IMPORT_RAISES)
    assert site.zif("doctor").code == 1


PARTS = """
def parts():
    from zif.backends.checks import Check
    yield Check("libGood.so", "works", "2.1", variables=("GOOD_",))
    yield Check("libBad.so", "broken", "cannot be loaded", "pip install bad")
    yield Check("libRare.so", "absent")
"""


def offer(site: Site, name: str, source: str) -> None:
    """Install a backend that offers checks, too."""
    site.add(name, GOOD + source)
    entries = next(site.folder.glob(f"fake[_-]{name}*/entry_points.txt"))
    entries.write_text(f"{entries.read_text()}[zif.checks]\n{name} = fake_{name}:parts\n")


def test_what_an_engine_is_made_of_is_shown_and_what_is_broken_is_a_problem(site: Site) -> None:
    offer(site, "good", PARTS)
    document = site.zif("doctor", "--json").json
    assert [(one["name"], one["state"]) for one in document["checks"]] == [
        ("libGood.so", "works"),
        ("libBad.so", "broken"),
        ("libRare.so", "absent"),
    ]
    assert {one["distribution"] for one in document["checks"]} == {"fake-good"}
    assert document["problems"] == [{"problem": "libBad.so: cannot be loaded", "fix": "pip install bad"}]
    assert "libRare.so: absent" in site.zif("doctor").out


def test_variables_that_matter_are_shown(site: Site) -> None:
    offer(site, "good", PARTS)
    told = site.zif("doctor", "--json", GOOD_HOME="/opt/good", BAD_HOME="/opt/bad").json["environment"]
    assert told == {"GOOD_HOME": "/opt/good"}


@pytest.mark.parametrize("body", ["raise OSError('no driver')", "import time; time.sleep(60)"])
def test_checks_that_fail_or_hang_are_broken_themselves(site: Site, body: str) -> None:
    offer(site, "good", f"def parts():\n    {body}\n")
    result = site.zif("doctor", "--json", ZIF_DEADLINE="2")
    assert result.code == 0
    assert [one["state"] for one in result.json["checks"]] == ["broken"]
