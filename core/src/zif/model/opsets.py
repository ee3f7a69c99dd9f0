"""Operator sets: which versions a model imports, and in which version an operator was last defined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import onnx
from onnx.defs import SchemaError, get_schema

from zif.errors import InvalidModel
from zif.model.installed_onnx import upgrade
from zif.model.types import check_text

_LARGEST = 2**31 - 1


def imported(proto: onnx.ModelProto | onnx.FunctionProto, label: str) -> dict[str, int]:
    """Domain ("" for ai.onnx) to version.

    Raises InvalidModel for two versions of one domain, for one that is none and one that onnx does not know yet.
    """
    versions: dict[str, int] = {}
    check_text(entry.domain for entry in proto.opset_import)
    for entry in proto.opset_import:
        domain = plain_domain(entry.domain)
        if versions.setdefault(domain, entry.version) != entry.version:
            raise InvalidModel(
                f"{label} imports two versions of the domain {domain or 'ai.onnx'!r}: {versions[domain]} and "
                f"{entry.version}. Convert it to one with onnx.version_converter."
            )
    for domain, version in versions.items():
        _check_version(domain, version, label)
    return versions


def _check_version(domain: str, version: int, label: str) -> None:
    newest = _newest().get(domain)
    if version < (0 if newest is None else 1) or version > _LARGEST:
        raise InvalidModel(
            f"{label} imports version {version} of the domain {domain or 'ai.onnx'!r}, which is none. Export it again."
        )
    if newest is not None and version > newest:
        opset = f"opset {version} of {domain}" if domain else f"opset {version}"
        wanted = "pip install --upgrade onnx" if domain else upgrade(opset=version)
        raise InvalidModel(
            f"{label} uses {opset}, and onnx {onnx.__version__} knows opsets up to {newest}: {wanted}, or export with "
            "an older opset."
        )


@cache
def _newest() -> Mapping[str, int]:
    """The newest version of each domain that onnx has definitions of."""
    return {domain: newest for domain, (_, newest) in onnx.defs.C.schema_version_map().items()}


def plain_domain(domain: str) -> str:
    """ "" for ONNX's own domain, however it is written."""
    return "" if domain == "ai.onnx" else domain


def write_imports(proto: onnx.ModelProto, versions: Mapping[str, int]) -> None:
    """Write every import once, ONNX's own domain as ""."""
    del proto.opset_import[:]
    proto.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in versions.items())


def settle_domains(graphs: Sequence[onnx.GraphProto], versions: Mapping[str, int], label: str) -> None:
    """Write ONNX's own domain as "" in every node, and see that each node's domain is imported.

    Raises InvalidModel naming the node.
    """
    for current in graphs:
        for node in current.node:
            domain = node.domain
            if domain == "ai.onnx":
                node.domain = domain = ""
            if domain not in versions:
                raise InvalidModel(
                    f"{label}: node {node.name!r} ({node.op_type}) is of the domain {domain or 'ai.onnx'!r}, "
                    f"which the model does not import; its imports are {sorted(versions)}. Export it again."
                )


@cache
def since_version(op_type: str, domain: str, opset: int) -> int:
    """The opset version in which the operator got the definition that holds in `opset`.

    0 for an operator that ONNX does not have (any more) in that version; the imported version itself for a domain that
    onnx has no definitions of.
    """
    try:
        schema = get_schema(op_type, opset, domain)
    except SchemaError:
        return 0 if domain in _known_domains() else opset
    return 0 if schema.deprecated else schema.since_version


@cache
def is_defined(op_type: str, domain: str, opset: int) -> bool:
    """Whether onnx has the operator in this version of its domain; of other domains it has none."""
    try:
        return not get_schema(op_type, opset, domain).deprecated
    except SchemaError:
        return False


@cache
def _known_domains() -> frozenset[str]:
    return frozenset(schema.domain for schema in onnx.defs.get_all_schemas())
