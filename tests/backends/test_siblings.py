"""Where zif runs from a checkout, the name of a plugin in it stands for its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from zif.backends.environments.siblings import located

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["zif-caffe", "zif_caffe", "Zif.Caffe"])
def test_a_plugin_of_the_checkout_is_its_folder(name: str) -> None:
    assert located(name) == str(ROOT / "plugins" / "caffe")
    assert located(f"{name}[judge]") == f"{ROOT / 'plugins' / 'caffe'}[judge]"


@pytest.mark.parametrize("requirement", ["numpy", "zif-caffe==9", "zif-nobody", "numpy>=1; python_version>'3'", "-r x"])
def test_every_other_requirement_stays(requirement: str) -> None:
    assert located(requirement) == requirement


def test_a_path_is_found_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plugin").mkdir()
    monkeypatch.chdir(tmp_path)
    assert located("./plugin[x]") == f"{tmp_path / 'plugin'}[x]"
