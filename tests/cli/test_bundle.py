"""`zif bundle` and signatures: what is inside, what differs, what was changed, who made it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from jsonschema import Draft202012Validator
from small import classifier
from zif import schemas


class Room:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        classifier(folder / "net.onnx")
        for name in ("key", "other"):
            self.key(name, ed25519.Ed25519PrivateKey.generate())

    def key(self, name: str, key: object) -> None:
        pem, kinds = serialization.Encoding.PEM, serialization
        private = key.private_bytes(pem, kinds.PrivateFormat.PKCS8, kinds.NoEncryption())  # type: ignore[attr-defined]
        public = key.public_key().public_bytes(pem, kinds.PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
        (self.folder / f"{name}.pem").write_bytes(private)
        (self.folder / f"{name}.pub").write_bytes(public)

    def zif(self, line: str, code: int = 0) -> str:
        """What a command printed, stderr behind it."""
        data = {"ZIF_CACHE": str(self.folder / "cache"), "ZIF_DATA": str(self.folder / "data")}
        command = [sys.executable, "-m", "zif", *line.split()]
        done = subprocess.run(command, cwd=self.folder, env=os.environ | data, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def json(self, line: str, code: int = 0) -> dict[str, object]:
        document: dict[str, object] = json.loads(self.zif(f"{line} --json", code))
        Draft202012Validator(schemas.schema(str(document["schema"]))).validate(document)
        return document


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    made = Room(tmp_path_factory.mktemp("room"))
    made.zif("compile net.onnx -o net.zif --only qnn_cpu --sign key.pem")
    return made


def test_it_says_what_is_inside(room: Room) -> None:
    document = room.json("bundle inspect net.zif")
    assert document["taken"] == "host"
    assert document["own"] is True
    assert str(document["signed_by"]).startswith("sha256:")
    told = room.zif("bundle inspect net.zif")
    assert "optimal" in told
    assert "made by your zif" in told


def test_two_builds_are_the_same_and_what_differs_is_named(room: Room) -> None:
    room.zif("compile net.onnx -o again.zif --only qnn_cpu --no-cache --sign key.pem")
    assert room.json("bundle diff net.zif again.zif")["same"] is True
    for path in (room.folder / "net.zif").rglob("*.*"):
        assert (room.folder / "again.zif" / path.relative_to(room.folder / "net.zif")).read_bytes() == path.read_bytes()
    room.zif("compile net.onnx -o other.zif --only reference")
    found = room.json("bundle diff net.zif other.zif", 1)
    assert found["files_added"] == ["segments/00-reference.onnx"]
    assert found["plans"]
    assert "- segments/00-qnn_cpu.onnx" in room.zif("bundle diff net.zif other.zif", 1)


def test_who_signed_is_asked_on_every_way_in(room: Room) -> None:
    assert room.json("bundle verify net.zif --trusted-key key.pub")["signature"] == "good"
    assert room.json("bundle verify net.zif")["signature"] == "not checked"
    room.zif("run net.zif --random 0 --trusted-key key.pem")
    assert "signed by another key" in room.zif("run net.zif --random 0 --trusted-key other.pub", 2)
    room.zif("compile net.onnx -o bare.zif --only qnn_cpu")
    assert "carries no signature" in room.zif("bundle verify bare.zif --trusted-key key.pub", 2)
    assert "for bundles" in room.zif("run net.onnx --random 0 --trusted-key key.pub", 2)


def test_keys_that_are_none_are_told(room: Room) -> None:
    room.key("rsa", rsa.generate_private_key(public_exponent=65537, key_size=2048))
    assert "another kind than Ed25519" in room.zif("compile net.onnx -o no.zif --sign rsa.pem", 2)
    assert "no private key" in room.zif("compile net.onnx -o no.zif --sign net.onnx", 2)
    assert "no private key" in room.zif("compile net.onnx -o no.zif --sign key.pub", 2)
    assert "no key in PEM" in room.zif("run net.zif --random 0 --trusted-key net.onnx", 2)
    assert "nowhere.pem" in room.zif("compile net.onnx -o no.zif --sign nowhere.pem", 2)
    assert not (room.folder / "no.zif").exists()


LESS = [pytest.param(name, marks=pytest.mark.slow) for name in ("session.json", "manifest.json")]


@pytest.mark.parametrize("name", ["segments/00-qnn_cpu.onnx", "signature.json", *LESS])
def test_a_changed_byte_and_a_missing_file_are_told(room: Room, name: str) -> None:
    hurt = f"hurt-{Path(name).stem}.zif"
    room.zif(f"compile net.onnx -o {hurt} --only qnn_cpu --sign key.pem")
    place = room.folder / hurt / name
    whole = place.read_bytes()
    middle = whole.rindex(b"0") if name == "signature.json" and b"0" in whole else len(whole) // 2
    place.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    said = room.zif(f"bundle verify {hurt} --trusted-key key.pub", 2)
    assert name in said or "signature" in said
    place.unlink()
    said = room.zif(f"bundle verify {hurt} --trusted-key key.pub", 2)
    assert name in said or "carries no signature" in said
    place.write_bytes(whole)
    room.zif(f"bundle verify {hurt} --trusted-key key.pub")
    room.zif(f"compile net.onnx -o {hurt} --only qnn_cpu --overwrite")
    assert room.json(f"bundle verify {hurt}")["signature"] == "none"


def test_a_forged_manifest_does_not_pass(room: Room) -> None:
    """Who rewrites files and their hashes cannot sign them."""
    from zif.artifacts.sealing import seal

    room.zif("compile net.onnx -o forged.zif --only qnn_cpu --sign key.pem")
    place = room.folder / "forged.zif" / "manifest.json"
    data = json.loads(place.read_text())
    del data["sha256"]
    data["versions"]["zif"] = "9"
    place.write_bytes(seal(data))
    room.zif("bundle verify forged.zif")
    assert "does not go with its manifest" in room.zif("run forged.zif --random 0 --trusted-key key.pub", 2)


def test_components_are_listed_alike_each_time(room: Room) -> None:
    first, second = room.zif("bundle components net.zif"), room.zif("bundle components net.zif -o sbom.json")
    assert second == ""
    assert (room.folder / "sbom.json").read_text() == first
    document = json.loads(first)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    names = {row["name"]: row for row in document["components"]}
    assert {"zif", "zif-qnn-cpu", "segments/00-qnn_cpu.onnx", "session.json"} <= set(names)
    manifest = json.loads((room.folder / "net.zif" / "manifest.json").read_text())
    for name, content in manifest["files"].items():
        assert names[name]["hashes"] == [{"alg": "SHA-256", "content": content["sha256"]}]


def test_a_target_is_taken_out(room: Room) -> None:
    room.zif("compile net.onnx -o two.zif --only qnn_cpu -t host -t snapdragon-8-gen-3")
    assert room.json("bundle strip two.zif -o one.zif -t snapdragon-8-gen-3 --sign key.pem")["targets"] == [
        "snapdragon-8-gen-3"
    ]
    room.zif("run one.zif --random 0 --trusted-key key.pub")
    assert "not for sa8295p" in room.zif("bundle strip two.zif -o none.zif -t sa8295p", 2)
    assert "--overwrite" in room.zif("bundle strip two.zif -o one.zif", 2)
