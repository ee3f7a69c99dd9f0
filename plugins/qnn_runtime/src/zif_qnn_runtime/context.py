"""Context binaries: a model compiled for one chip, as a small ONNX wrapper and Qualcomm's binary beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen
from zif.plugin import content_of

from zif_qnn_runtime import optrace
from zif_qnn_runtime.failures import QnnError, original_name
from zif_qnn_runtime.libraries import BackendType
from zif_qnn_runtime.provideroptions import ProviderOptions
from zif_qnn_runtime.session import EP_NAME, create, session_options

if TYPE_CHECKING:
    import onnx
    import onnxruntime

_BINARY = "ep_cache_context"
_COMPATIBILITY = f"ep_compatibility_info.{EP_NAME}"


@frozen
class ContextInfo:
    """What a wrapper says of its binary; an empty word or None where it says nothing.

    strays are the nodes of the model that are not inside the binary. binaries are all that it names (one, in what zif
    compiles), and `more` names tensors, functions and nodes that name two, of which a wrapper needs none.
    """

    binary: str
    qnn_version: str = ""
    soc_model: int | None = None
    vtcm_mb: int | None = None
    htp_arch: int | None = None
    backend: int | None = None
    strays: tuple[str, ...] = ()
    binaries: tuple[str, ...] = ()
    more: tuple[str, ...] = ()


def compile_context(
    model: bytes | Path,
    backend: BackendType,
    options: ProviderOptions,
    folder: Path,
    name: str = "context",
    weights: Path | None = None,
) -> tuple[Path, Path]:
    """Compile a model wholly for the chip of `options.soc_model`; gives the paths of the wrapper and of the binary.

    What the compiler made of which nodes lies beside them (`zif_qnn_runtime.optrace`). The binary is not reproducible:
    some of its bytes differ each time. Raises BackendUnavailable, or QnnError with the
    nodes that stood in the way where they are known.
    """
    wrapper = folder / f"{name}.onnx"
    wrapper.unlink(missing_ok=True)  # ONNX Runtime refuses to replace it
    config = {
        "ep.context_enable": "1",
        "ep.context_embed_mode": "0",
        "ep.context_file_path": str(wrapper),
    }
    try:
        create(model, session_options(backend, options, config, optrace.settings(folder), weights))
        return wrapper, _whole(wrapper)
    except Exception:
        written = (wrapper, wrapper.with_name(f"{wrapper.stem}_qnn.bin"), folder / optrace.WRITTEN)
        for file in written:  # even when a node was refused
            file.unlink(missing_ok=True)
        raise


def _whole(wrapper: Path) -> Path:
    """The binary of a wrapper that holds the whole model."""
    if not wrapper.is_file():
        raise QnnError("QNN took no node of the model, so there is nothing to compile", "unassigned")
    info = describe(wrapper)
    if info.strays or not info.binary:
        nodes = tuple(original_name(node) for node in info.strays)
        raise QnnError(f"QNN does not take every node; nodes: {', '.join(nodes[:5])}", "unassigned", nodes=nodes)
    return wrapper.with_name(info.binary)


def describe(wrapper: Path | bytes) -> ContextInfo:
    """Read a wrapper without loading its binary. Raises QnnError for a file that is no such wrapper."""
    import onnx

    try:
        model = onnx.load_model_from_string(content_of(wrapper))
    except Exception as error:  # protobuf's own errors have no stable home
        raise QnnError(f"the wrapper of a context binary cannot be read: {error}", "context") from error
    return told(model)


def told(model: onnx.ModelProto) -> ContextInfo:
    """What a wrapper that was read says; also of a model in which other nodes stand beside."""
    contexts = [node for node in model.graph.node if node.op_type == "EPContext"]
    every = [each for node in contexts for each in node.attribute]  # a second one of the same name, too
    binaries = tuple(each.s.decode(errors="replace") for each in every if each.name == _BINARY and each.s)
    strays = tuple(node.name or node.op_type for node in model.graph.node if node.op_type != "EPContext")
    more, first = tuple(_more(model)), binaries[0] if binaries else ""
    facts = {prop.key: prop.value for prop in model.metadata_props}.get(_COMPATIBILITY, "").split(":")
    if not contexts or len(facts) < 7:
        return ContextInfo(first, strays=strays, binaries=binaries, more=more)
    kind, arch, soc, vtcm = (_number(facts[place]) for place in (1, 4, 5, 6))
    return ContextInfo(first, facts[2], soc, vtcm, arch or None, kind, strays, binaries, more)


def _number(word: str) -> int | None:
    return int(word) if re.fullmatch(r"[0-9]{1,9}", word) else None


def _more(model: onnx.ModelProto) -> Iterator[str]:
    yield from (tensor.name for tensor in model.graph.initializer)
    yield from (sparse.values.name for sparse in model.graph.sparse_initializer)
    yield from (function.name for function in model.functions)
    for node in model.graph.node:
        if sum(each.name == _BINARY for each in node.attribute) > 1:  # not read alike by everybody
            yield node.name or node.op_type


def load_context(wrapper: Path, backend: BackendType, options: ProviderOptions) -> onnxruntime.InferenceSession:
    """Open a compiled model. A damaged binary can take the process down: check a hash of it first.

    Raises BackendUnavailable without the library, QnnError (kind "context") for an artifact that is not accepted.
    """
    return create(wrapper, session_options(backend, options))
