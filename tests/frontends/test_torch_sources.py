"""What a file of PyTorch's is, found out without torch and without reading a pickle."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
from zif import InvalidModel
from zif.plugin import Named
from zif_torch.sources import recognized

STATE = pickle.dumps(OrderedDict(w=1), protocol=2)
#: A pickle that names what torch.save writes of a whole module.
WHOLE = b"\x80\x02ctorch.nn.modules.container\nSequential\n)\x81."
BOMB = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."


def archive(path: Path, **members: bytes) -> Path:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as zipped:
        for name, content in members.items():
            zipped.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    path.write_bytes(data.getvalue())
    return path


def test_a_checkpoint_is_told_from_a_model(tmp_path: Path) -> None:
    found = recognized(archive(tmp_path / "m.pt", net__data_dot_pkl=STATE))
    assert found is not None
    assert "it holds arrays and no operators" in found.problem


@pytest.mark.parametrize(("content", "word"), [(WHOLE, "Sequential"), (BOMB, "os.system")])
def test_what_runs_code_says_which(tmp_path: Path, content: bytes, word: str) -> None:
    found = recognized(archive(tmp_path / "m.pt", net__data_dot_pkl=content))
    assert found is not None
    assert word in found.runs


def test_a_script_and_a_program_run_nothing(tmp_path: Path) -> None:
    script = archive(tmp_path / "s.pt", net__data_dot_pkl=BOMB, net__constants_dot_pkl=STATE)
    program = archive(tmp_path / "p.pt2", net__archive_format=b"pt2")
    for path, what in ((script, "a TorchScript module"), (program, "a PyTorch exported program")):
        found = recognized(path)
        assert found is not None
        assert (found.what, found.runs, found.files) == (what, "", (str(path),))


#: What reads as one pickle, and then another one that runs code, in the first protocol.
OLD = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + b"cos\nsystem\n(S'true'\ntR."


@pytest.mark.parametrize(
    ("member", "content", "word"),
    [
        ("net__data__weights__weight_0", BOMB, "os.system"),
        ("net__data__weights__weight_0", b"cos\nsystem\n(S'true'\ntR.", "os.system"),
        ("net__data__constants__opaque_obj_0", OLD, "os.system"),
        ("net__data__aotinductor__model__x_dot_so", b"\x7fELF", "compiled_code"),
    ],
)
def test_a_program_with_a_bomb_says_what_would_run(tmp_path: Path, member: str, content: bytes, word: str) -> None:
    found = recognized(archive(tmp_path / "p.pt2", net__archive_format=b"pt2", **{member: content}))
    assert found is not None
    assert word in found.runs


def test_a_bomb_two_archives_deep_is_found(tmp_path: Path) -> None:
    inner = archive(tmp_path / "inner", net__data_dot_pkl=BOMB).read_bytes()
    found = recognized(
        archive(tmp_path / "p.pt2", net__archive_format=b"pt2", net__data__sample_inputs__m_dot_pt=inner)
    )
    assert found is not None
    assert "os.system" in found.runs


def test_arrays_that_look_like_a_pickle_are_arrays(tmp_path: Path) -> None:
    weights = b"\x80\x02\xff" + bytes(61)
    found = recognized(archive(tmp_path / "p.pt2", net__archive_format=b"pt2", net__data__weights__weight_0=weights))
    assert found is not None
    assert found.runs == ""


def test_code_is_looked_at_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("import torch\nraise SystemExit('run')\n")
    assert recognized(Named(str(path), "make")) is not None
    path.write_text("import jax\n")
    assert recognized(Named(str(path), "make")) is None
    path.write_text("def broken(:\n")
    with pytest.raises(InvalidModel, match="line 1"):
        recognized(Named(str(path), "make"))
    assert recognized(Named("no.such.module", "make")) is None


def test_other_files_are_not_for_it(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x08\x07")
    assert recognized(tmp_path / "x") is None
    assert recognized(archive(tmp_path / "k.keras", config_dot_json=b"{}")) is None
    assert recognized(object()) is None


def test_decoys_do_not_hide_a_name(tmp_path: Path) -> None:
    """Strings that are taken off again, or come out of the memo, are not those that a name is made of."""
    popped = b"\x80\x04\x8c\x02os\x8c\x06system\x8c\x0bcollections\x8c\x0bOrderedDict00\x93\x8c\x04true\x85R."
    memo = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94h\x00h\x01\x93."
    for place, (content, word) in enumerate(((popped, "an.unnamed.function"), (memo, "os.system"))):
        found = recognized(archive(tmp_path / f"{place}.pt", net__data_dot_pkl=content))
        assert found is not None
        assert word in found.runs


def test_a_name_whose_module_is_in_the_memo_is_known(tmp_path: Path) -> None:
    state = pickle.dumps([OrderedDict, OrderedDict(w=1), {"a": OrderedDict}], protocol=4)
    found = recognized(archive(tmp_path / "m.pt", net__data_dot_pkl=state))
    assert found is not None
    assert "it holds arrays and no operators" in found.problem


def test_an_archive_that_holds_itself_ends(tmp_path: Path) -> None:
    inner = b"x"
    for _ in range(6):
        inner = archive(tmp_path / "inner", net__data_dot_pkl=inner).read_bytes()
    path = archive(tmp_path / "p.pt2", net__archive_format=b"pt2", net__data__x=inner)
    with pytest.raises(InvalidModel, match="archives in each other"):
        recognized(path)


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_member_that_swells_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: int) -> None:
    """A text in a pickle that takes all there is, however small the file."""
    monkeypatch.setenv("ZIF_MAX_EXPANDED", "1M")
    long = b"\x80\x04\x8d" + (3 << 20).to_bytes(8, "little") + b"a" * (3 << 20) + b"."
    with zipfile.ZipFile(tmp_path / "p.pt2", "w", how) as made:
        made.writestr("net/archive_format", b"pt2")
        made.writestr("net/data/x", long)
    with pytest.raises(InvalidModel, match="ZIF_MAX_EXPANDED"):
        recognized(tmp_path / "p.pt2")


def test_a_pickle_without_an_end_is_not_followed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.pt2", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("net/archive_format", b"pt2")
        made.writestr("net/data/x", b"\x80\x02" + b"N0" * 2_000_000)
    with pytest.raises(InvalidModel, match="steps"):
        recognized(tmp_path / "p.pt2")
