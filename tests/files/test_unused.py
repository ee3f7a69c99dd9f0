"""What a file says and zif does not use is told, in Python as a warning and on the command line as a note."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from zif.backends.options import build_options
from zif.errors import Unused, UsageError
from zif.files.documents import read_table
from zif.files.unused import telling, unused, unused_keys
from zif.inputs import read_list, read_named
from zif.model.encodings.reading import read as read_encodings
from zif.records import TensorInfo

X = {"x": TensorInfo("x", "tensor(float)", (1, 4))}
ENTRY = {"bitwidth": 8, "min": -1.0, "max": 1.0}


def encodings(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_command_line_tells_each_once_and_leaves_other_warnings_alone() -> None:
    said: list[str] = []

    def command() -> None:
        with telling(said.append):
            for _ in range(3):
                unused("the key 'a' is not used")
            unused("the key 'b' is not used")
            warnings.warn("old", DeprecationWarning, stacklevel=1)

    with pytest.warns(DeprecationWarning, match="old"):
        command()
    assert said == ["the key 'a' is not used", "the key 'b' is not used"]


def test_an_unknown_key_comes_with_the_one_that_was_meant() -> None:
    with pytest.warns(Unused, match=r"f\.json: 'bitwdith' is not used.*Did you mean 'bitwidth'\?"):
        unused_keys("f.json", ["bitwdith", "scale"], {"bitwidth", "scale"})


def test_a_misspelt_section_of_encodings(tmp_path: Path) -> None:
    text = json.dumps({"activation_encodngs": {"m": [ENTRY]}, "param_encodings": {}})
    with pytest.warns(Unused, match=r"'activation_encodngs'.*Did you mean 'activation_encodings'\?"):
        assert not read_encodings(encodings(tmp_path / "e.json", text)).entries


def test_a_misspelt_key_of_an_entry(tmp_path: Path) -> None:
    rows = {name: [{**ENTRY, "isSymetric": "True"}] for name in ("m", "n")}
    text = json.dumps({"activation_encodings": rows, "param_encodings": {}})
    with pytest.warns(Unused, match=r"entry of 'm': 'isSymetric'.*Did you mean 'is_symmetric'\?") as told:
        assert len(read_encodings(encodings(tmp_path / "e.json", text)).entries) == 2
    assert len(told) == 1  # the key, not every entry that has it


def test_a_file_of_which_all_is_used_says_nothing(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    affine = {"version": "0.6.1", "activation_encodings": {"m": [{**ENTRY, "is_symmetric": "False"}]}}
    affine |= {"param_encodings": {}, "quantizer_args": {"activation_bitwidth": 8}, "excluded_layers": []}
    read_encodings(encodings(tmp_path / "e.json", json.dumps(affine)))
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 4), np.float32))
    read_named([str(tmp_path / "x.npz")], X)
    assert not [one for one in recwarn if issubclass(one.category, Unused)]


@pytest.mark.parametrize("name", ["config.json", "encodings.json"])
def test_comments_count_nowhere(tmp_path: Path, name: str) -> None:
    """The tutorial prints both files with one; what looks like a comment in a text is none."""
    text = '// the file\n{"activation_encodings": {"http://m": [{"bitwidth": 8, // eight\n "min": -1, "max": 1}]}}\n'
    path = encodings(tmp_path / name, text)
    assert [entry.name for entry in read_encodings(path).entries] == ["http://m"]
    assert list(read_table(path)["activation_encodings"]) == ["http://m"]


def test_lines_of_complaints_stay_right_behind_comments(tmp_path: Path) -> None:
    path = encodings(tmp_path / "c.json", '// one\n{\n  // two\n  "a": 1, // three\n  "a": 2\n}\n')
    with pytest.raises(UsageError, match=r"'a' stands twice .*line 5, column 3"):
        read_table(path, UsageError)


def test_an_array_of_another_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", photo=np.ones((1, 4), np.float32))
    with pytest.warns(Unused, match=r"'photo', and is taken for the input 'x'"):
        assert read_named([f"x={tmp_path / 'one.npz'}"], X)["x"].shape == (1, 4)


def test_an_array_beside_the_one_that_is_meant(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", x=np.ones((1, 4), np.float32), y=np.ones(3))
    with pytest.warns(Unused, match="'y' is not used"):
        read_named([f"x={tmp_path / 'two.npz'}"], X)


@pytest.mark.parametrize("head", ["#relu1", "%relu1 relu2", "#relu1 relu2"])
def test_outputs_that_a_list_for_qnn_net_run_chooses(tmp_path: Path, head: str) -> None:
    np.zeros((1, 4), np.float32).tofile(tmp_path / "x.raw")
    (tmp_path / "list.txt").write_text(f"{head}\nx.raw\n")
    with pytest.warns(Unused, match=rf"line 1: '{head}' chooses outputs"):
        assert [line.number for line in read_list(tmp_path / "list.txt", X)] == [2]


def test_a_comment_in_a_list_is_one(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    np.zeros((1, 4), np.float32).tofile(tmp_path / "x.raw")
    (tmp_path / "list.txt").write_text("# my list\nx.raw\n#x.raw\n")
    assert len(read_list(tmp_path / "list.txt", X)) == 1
    assert not list(recwarn)


def test_numbers_as_text_are_refused_where_numbers_can_be_written() -> None:
    import attrs

    options = attrs.make_class(
        "Options", {"threads": attrs.field(default=0, type=int), "name": attrs.field(default="", type=str)}
    )
    assert build_options(options, {"threads": 2, "name": "2"}, "cpu", typed=True).threads == 2
    assert build_options(options, {"threads": "2"}, "cpu").threads == 2  # from a command line all is text
    with pytest.raises(UsageError, match="threads takes a whole number, not a text: write 2 without quotes"):
        build_options(options, {"threads": "2"}, "cpu", typed=True)
