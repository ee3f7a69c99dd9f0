"""Reading encodings from JSON, in any of the formats; an entry that is wrong becomes a problem, not a scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from zif.errors import InvalidInput
from zif.files.documents import named, read_json
from zif.files.unused import unused_keys
from zif.model.encodings.entry import KEYS, Parsed, Wrong, parse_affine, parse_onnx
from zif.model.encodings.formats import OVERRIDES, called
from zif.model.encodings.record import Encodings, Kind, Problem

_SECTIONS: tuple[tuple[str, Kind], ...] = (("activation_encodings", "activation"), ("param_encodings", "param"))
#: Where zif keeps conversions between precisions, which no other format has a place for.
CONVERSIONS = "zif_conversions"
#: What AIMET's files say beside the entries: it stays where the format is one of AIMET's.
EXTRA = ("producer", "excluded_layers", "quantizer_args")
_BITWIDTHS = {"activation": "activation_bitwidth", "param": "param_bitwidth", "bias": "bias_bitwidth"}
#: Every key that may stand beside the entries.
_KNOWN = frozenset(
    {"version", "encodings", CONVERSIONS, *EXTRA, *_BITWIDTHS.values(), *(section for section, _ in _SECTIONS)}
)


def read(source: Path | str | Mapping[str, Any]) -> Encodings:
    """The encodings of a file, or of its content. Raises InvalidInput for what is no such file at all.

    Entries that are wrong are left out of `entries` and told in `problems`.
    """
    document = source if isinstance(source, Mapping) else _load(Path(source))
    where = "the encodings" if isinstance(source, Mapping) else str(source)
    format_ = _format(document, where)
    unused_keys(where, document, _KNOWN)
    entries, problems, repairs = [], [], []
    odd: dict[str, str] = {}
    for label, kind, entry, readers in _rows(document, format_, where):
        for row in entry if isinstance(entry, list) else [entry]:
            odd |= {key: label for key in row if key not in KEYS and key not in odd} if isinstance(row, Mapping) else {}
        try:
            parsed = parse_onnx(label, kind, entry) if format_ == "2.0.0" else parse_affine(label, kind, entry)
            entries.append(attrs.evolve(parsed.encoding, readers=readers))
        except Wrong as wrong:
            problems.append(Problem(label, str(wrong), wrong.repaired is not None))
            if wrong.repaired is not None:
                repairs.append(attrs.evolve(wrong.repaired, readers=readers))
    for key, label in odd.items():
        unused_keys(f"{where}, entry of {label!r}", [key], KEYS)
    twice = [name for name, count in Counter((e.name, e.readers) for e in entries).items() if count > 1]
    problems += [Problem(name, "is in the file more than once: keep one entry") for name, _ in twice]
    extra = {key: document[key] for key in EXTRA if key in document}
    return Encodings(tuple(entries), called(format_), _defaults(document), tuple(problems), tuple(repairs), extra)


def repaired(encodings: Encodings) -> Encodings:
    """With the fixable entries as min and max say; what cannot be fixed stays a problem."""
    left = tuple(problem for problem in encodings.problems if not problem.fixable)
    return attrs.evolve(encodings, entries=encodings.entries + encodings.repairs, problems=left, repairs=())


def _load(path: Path) -> Mapping[str, Any]:
    document = read_json(path, finite=False, comments=True)  # what is no number is told entry by entry
    if not isinstance(document, dict):
        raise InvalidInput(f"{path} holds {named(document)}, not a JSON object with encodings")
    return document


def _format(document: Mapping[str, Any], where: str) -> str:
    version = str(document.get("version", ""))
    if version.startswith("2.") and "encodings" in document:
        return "2.0.0"
    if version in ("0.6.1", "1.0.0"):
        return version
    if any(section in document for section, _ in _SECTIONS):
        lists = [document[section] for section, _ in _SECTIONS if section in document]
        return "1.0.0" if any(isinstance(section, list) for section in lists) else OVERRIDES
    raise InvalidInput(
        f"{where} has no encodings: expected activation_encodings and param_encodings, or AIMET's version 2 list"
    )


def _rows(document: Mapping[str, Any], format_: str, where: str) -> Iterator[tuple[str, Kind, Any, tuple[str, ...]]]:
    """Name, kind, the entry as it stands, and the readers that it is for."""
    if format_ == "2.0.0":
        for label, entry in _listed(document["encodings"], where, "encodings"):
            yield label, _guessed(entry), entry, ()
    else:
        for section, kind in _SECTIONS:
            rows = document.get(section, {})
            named = _plain(rows, where) if isinstance(rows, Mapping) else _listed(rows, where, section)
            yield from ((label, kind, entry, ()) for label, entry in named)
    for label, entry in _listed(document.get(CONVERSIONS, []), where, CONVERSIONS):
        readers = entry.get("readers", [])
        if not isinstance(readers, list) or not all(isinstance(reader, str) for reader in readers):
            raise InvalidInput(
                f"{where}: readers of {label!r} in {CONVERSIONS} is {readers!r}, not a list of node names"
            )
        yield label, "activation", entry, tuple(readers)


def _plain(rows: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    """The entries by the names of tensors. Raises InvalidInput for AIMET's file that goes by PyTorch's modules."""
    for label, entry in rows.items():
        if isinstance(entry, Mapping) and not {"input", "output"}.isdisjoint(entry) and "scale" not in entry:
            raise InvalidInput(
                f"{where} goes by PyTorch's modules ({label!r} has inputs and outputs), as AIMET's file for PyTorch "
                "does: take the one that it writes beside the ONNX model, whose names are those of tensors"
            )
        yield label, entry


def _guessed(entry: Mapping[str, Any]) -> Kind:
    """Version 2.0.0 does not tell weights from activations; only weights have channels or are signed around zero."""
    signed = str(entry.get("output_dtype", "")).startswith("int") and not entry.get("y_zero_point")
    return "param" if "axis" in entry or signed else "activation"


def _listed(rows: Any, where: str, section: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(rows, list):
        raise InvalidInput(f"{where}: {section} is {type(rows).__name__}, not a list of entries")
    for place, entry in enumerate(rows):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            raise InvalidInput(f"{where}: entry {place} of {section} has no name")
        yield entry["name"], entry


def _defaults(document: Mapping[str, Any]) -> dict[str, int]:
    args = document.get("quantizer_args")
    defaults = {**(args if isinstance(args, Mapping) else {}), **document}
    return {kind: defaults[key] for kind, key in _BITWIDTHS.items() if type(defaults.get(key)) is int}


__all__ = ["CONVERSIONS", "EXTRA", "Parsed", "read", "repaired"]
