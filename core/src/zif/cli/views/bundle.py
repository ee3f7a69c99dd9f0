"""What `zif bundle` says of bundles, as documents and as tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zif.artifacts.bundle import Bundle
    from zif.runtime.fit import Fit


def inspected(bundle: Bundle, target: str) -> dict[str, Any]:
    """The fields of `zif.bundle/1`: what is inside, and how it goes with `target`. Nothing of it is opened."""
    from zif.errors import BackendUnavailable, UsageError
    from zif.runtime.fit import ranked
    from zif.runtime.from_bundle import choose
    from zif.targets import host
    from zif.targets import target as find

    chip = find(target)
    chip = host() if chip.is_host else chip
    try:
        taken, why = choose(bundle, target).target, ""
    except (BackendUnavailable, UsageError) as error:
        taken, why = None, str(error)
    return {
        "bundle": str(bundle.folder),
        "for": chip.name,
        "taken": taken,
        "why_not": why,
        "targets": [_target(bundle, graded) for graded in ranked(bundle, chip)],
        "versions": dict(bundle.versions),
        "files": {name: {"bytes": file.bytes, "sha256": file.sha256} for name, file in sorted(bundle.files.items())},
        "unlisted": list(bundle.unlisted),
        "own": bundle.is_own(),
        "signed_by": _signed_by(bundle),
    }


def _target(bundle: Bundle, fit: Fit) -> dict[str, Any]:
    plan = bundle.plan(fit.target)
    units = {row["id"]: len(row["units"]) for row in plan.get("segments", ())}
    segments = [
        {
            "id": row.segment,
            "backend": row.backend,
            "units": units.get(row.segment, 0),
            "grade": row.grade,
            "reason": row.reason,
            "file": bundle.place(row.segment, fit.target),
        }
        for row in fit.segments
    ]
    return {"target": fit.target, "grade": fit.grade, "reasons": list(fit.reasons), "segments": segments}


def _signed_by(bundle: Bundle) -> str | None:
    """The fingerprint of the key that the signature says it is by; nothing is believed of it here."""
    from zif.artifacts.bundle.signing import fingerprint, read_signature

    signature = read_signature(bundle.folder)
    return None if signature is None else fingerprint(signature)


def show(document: dict[str, Any]) -> None:
    """A table of the targets, and sentences."""
    from zif.cli.views.terminal import say, table
    from zif.files.wording import listed, size, things

    rows = [
        [row["target"], (row["grade"], "bold"),
         ", ".join(dict.fromkeys(segment["backend"] for segment in row["segments"])),
         len(row["segments"]), "; ".join(row["reasons"])]
        for row in document["targets"]
    ]  # fmt: skip
    table(f"on {document['for']}", ("target", "grade", "backends", "segments", "why"), rows, right=("segments",))
    files = document["files"]
    say(f"{document['bundle']}: {things(len(files), 'file')}, {size(sum(file['bytes'] for file in files.values()))}")
    made = [
        f"{name} {version.get('version')} ({version.get('toolchain')})"
        for name, version in document["versions"].get("backends", {}).items()
    ]
    say(f"made with zif {document['versions'].get('zif')}" + "".join(f", {target}" for target in made))
    say("made by your zif" if document["own"] else "not made by your zif")
    if document["signed_by"]:
        say(f"signed, it says, by {document['signed_by']}: `zif bundle verify --trusted-key KEY.pem` checks that")
    if document["unlisted"]:
        say(f"besides, and never used: {listed(document['unlisted'], 5)}")
    say(f"taken for {document['for']}: {document['taken']}" if document["taken"] else document["why_not"])


def difference(old: Bundle, new: Bundle) -> dict[str, Any]:
    """The fields of `zif.bundle-diff/1`."""
    before, after = old.files, new.files
    both = [name for name in old.targets if name in new.targets]
    fields = {
        "old": str(old.folder),
        "new": str(new.folder),
        "files_removed": sorted({*before} - {*after}),
        "files_added": sorted({*after} - {*before}),
        "files_changed": sorted(name for name in before if name in after and before[name] != after[name]),
        "targets_removed": [name for name in old.targets if name not in new.targets],
        "targets_added": [name for name in new.targets if name not in old.targets],
        "versions": _versions(old, new),
        "plans": {name: _moved(old, new, name) for name in both if old.plan(name) != new.plan(name)},
    }
    return {"same": not any(value for key, value in fields.items() if key not in ("old", "new")), **fields}


def _versions(old: Bundle, new: Bundle) -> dict[str, dict[str, str]]:
    """What made them, where that differs: "zif" or the name of a backend."""
    mine, other = _makers(old), _makers(new)
    names = [name for name in dict.fromkeys([*mine, *other]) if mine.get(name) != other.get(name)]
    return {name: {"old": mine.get(name, ""), "new": other.get(name, "")} for name in names}


def _makers(bundle: Bundle) -> dict[str, str]:
    backends = dict(bundle.versions.get("backends", {})).items()
    return {"zif": str(bundle.versions.get("zif", ""))} | {
        name: f"{backend.get('distribution')} {backend.get('version')}, {backend.get('toolchain')}"
        for name, backend in backends
    }


def _moved(old: Bundle, new: Bundle, target: str) -> dict[str, Any]:
    """How the plans for a target differ: the segments of both, and the units that changed their backend."""
    from zif.planning import diff
    from zif.runtime.from_bundle import plan_of

    change = diff(plan_of(old, target), plan_of(new, target), None).to_json()
    return {"moved": len(change["moved"]), "added": len(change["added"]), "removed": len(change["removed"])}


def show_difference(document: dict[str, Any]) -> None:
    """A line for each thing that differs."""
    from zif.cli.views.terminal import say
    from zif.files.wording import things

    if document["same"]:
        say("the same, file by file")
    words = {
        "files_removed": "-",
        "files_added": "+",
        "files_changed": "~",
        "targets_removed": "- target",
        "targets_added": "+ target",
    }
    for key, word in words.items():
        for name in document[key]:
            say(f"{word} {name}")
    for name, version in document["versions"].items():
        say(f"~ {name}: {version['old'] or 'none'} → {version['new'] or 'none'}")
    for name, plan in document["plans"].items():
        say(
            f"~ plan for {name}: {things(plan['moved'], 'unit')} moved, {plan['added']} added, "
            f"{plan['removed']} removed"
        )


def verified(bundle: Bundle, key: Path | None) -> dict[str, Any]:
    """The fields of `zif.bundle-verify/1`, of a bundle whose every hash was checked."""
    total = sum(file.bytes for file in bundle.files.values())
    signed = _signed_by(bundle)
    return {
        "bundle": str(bundle.folder),
        "files": len(bundle.files),
        "bytes": total,
        "unlisted": list(bundle.unlisted),
        "own": bundle.is_own(),
        "signed_by": signed,
        "signature": "good" if key is not None else ("not checked" if signed else "none"),
    }


def show_verified(document: dict[str, Any]) -> None:
    """Two sentences."""
    from zif.cli.views.terminal import say
    from zif.files.wording import listed, size, things

    say(f"{document['bundle']}: {things(document['files'], 'file')}, {size(document['bytes'])}, each as it was written")
    by = document["signed_by"]
    said = {"good": f"signed by {by}, the key that you trust", "none": "it carries no signature"}
    say(said.get(document["signature"], f"signed, it says, by {by}: --trusted-key checks that"))
    if document["unlisted"]:
        say(f"besides, and never used: {listed(document['unlisted'], 5)}")


def stripped(old: Bundle, new: Bundle) -> dict[str, Any]:
    """The fields of `zif.bundle-strip/1`."""
    before, after = (sum(file.bytes for file in bundle.files.values()) for bundle in (old, new))
    gone = sorted({*old.files} - {*new.files})
    return {
        "bundle": str(new.folder),
        "targets": list(new.targets),
        "bytes": after,
        "bytes_before": before,
        "left_out": gone,
    }


def show_stripped(document: dict[str, Any]) -> None:
    """What is left, and what went."""
    from zif.cli.views.terminal import say
    from zif.files.wording import size, things

    for name in document["left_out"]:
        say(f"- {name}")
    said = f"{size(document['bytes'])} instead of {size(document['bytes_before'])}"
    say(f"{document['bundle']}: {things(len(document['targets']), 'target')}, {said}")
