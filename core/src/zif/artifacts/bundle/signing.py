"""A bundle's signature: Ed25519 over the manifest, which has the hash of every file, by a key of whoever made it.

It stands in a file beside the manifest, and says who made the bundle to whoever has the public key. The `cryptography`
package signs and checks; it is needed for nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from zif.artifacts.hashed import Damaged
from zif.errors import InvalidBundle, UsageError
from zif.files.documents import json_of
from zif.files.installing import to_install
from zif.files.limits import TEXT
from zif.files.opening import open_inside, read_bytes, whole
from zif.files.records import record
from zif.files.wording import json_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE, SCHEMA = "signature.json", "zif.signature/1"
_PURPOSE = b"zif.bundle/1\0"
_HOW = "openssl genpkey -algorithm ed25519 -out key.pem` makes one, `openssl pkey -in key.pem -pubout` its public half"


@frozen
class Signature:
    """The file. key and value are base64: the public key, of which a reader believes nothing, and what it signed."""

    schema: str
    key: str
    value: str


def key_to_sign(path: str | Path) -> Ed25519PrivateKey:
    """The private key in a PEM file. Raises UsageError for what is none, and without the package."""
    ed25519, serialization = _package()
    data = _pem(path)
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except Exception as error:  # the package raises ValueError, TypeError and errors of its own
        raise UsageError(f"{path} is no private key in PEM that is without a password: {error}. `{_HOW}.") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise UsageError(f"{path} is a key of another kind than Ed25519. `{_HOW}.")
    return cast("Ed25519PrivateKey", key)


def signature_of(manifest: bytes, key: Ed25519PrivateKey) -> bytes:
    """The content of the file beside this manifest."""
    public = key.public_key().public_bytes_raw()
    value = {
        "schema": SCHEMA,
        "key": base64.b64encode(public).decode(),
        "value": base64.b64encode(key.sign(_PURPOSE + manifest)).decode(),
    }
    return json_text(value, indent=1).encode() + b"\n"


def check_signature(root: Path, manifest: bytes, trusted: str | Path) -> None:
    """Raise InvalidBundle unless the manifest is signed by the key in a PEM file, whose public half is enough."""
    public, signature = _trusted(trusted), read_signature(root)
    if signature is None:
        raise InvalidBundle(f"{root} carries no signature, and only what {trusted} signed was asked for. {_next()}")
    own = public.public_bytes_raw()
    if signature.key != base64.b64encode(own).decode():
        raise InvalidBundle(f"{root} is signed by another key ({fingerprint(signature)}) than {trusted}. {_next()}")
    try:
        public.verify(base64.b64decode(signature.value, validate=True), _PURPOSE + manifest)
    except Exception as error:  # InvalidSignature, or what base64 raises
        raise InvalidBundle(
            f"{root}: the signature does not go with its manifest: one of the two was changed. {_next()}"
        ) from error


def read_signature(root: Path) -> Signature | None:
    """What stands beside the manifest; None when nothing does. Raises InvalidBundle for what is no signature."""
    if not os.path.lexists(root / SIGNATURE):
        return None
    try:
        with open_inside(root, SIGNATURE, Damaged) as file:
            data = json_of(whole(file, SIGNATURE, TEXT, Damaged), SIGNATURE, Damaged)
        signature = record(Signature, data, SIGNATURE, Damaged)
        if signature.schema != SCHEMA:
            raise Damaged(f"{SIGNATURE} has the schema {signature.schema[:80]!r}, and this zif reads {SCHEMA!r}")
    except (Damaged, OSError) as error:
        raise InvalidBundle(f"{root}: {error}. {_next()}") from error
    return signature


def fingerprint(signature: Signature) -> str:
    """A short name of the key that a signature says it is by, as `openssl` users compare: sha256 in hex."""
    try:
        data = base64.b64decode(signature.key, validate=True)
    except ValueError:  # also for what is no ASCII
        return "unreadable"
    return f"sha256:{hashlib.sha256(data).hexdigest()[:32]}"


def _trusted(path: str | Path) -> Ed25519PublicKey:
    ed25519, serialization = _package()
    data = _pem(path)
    try:
        if b"PRIVATE" in data:
            key = serialization.load_pem_private_key(data, None).public_key()
        else:
            key = serialization.load_pem_public_key(data)
    except Exception as error:
        raise UsageError(f"{path} is no key in PEM: {error}. `{_HOW}.") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise UsageError(f"{path} is a key of another kind than Ed25519. `{_HOW}.")
    return cast("Ed25519PublicKey", key)


def _pem(path: str | Path) -> bytes:
    return read_bytes(Path(path), TEXT, UsageError)


def _package() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise UsageError(f"signatures need the package cryptography: {to_install('zif[sign]')}") from error
    return ed25519, serialization


def _next() -> str:
    return "Get it again from whoever made it, or compile the model yourself."
