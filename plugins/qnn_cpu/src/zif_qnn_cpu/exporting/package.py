"""A bundle as ONNX Runtime's model package: a variant for each chip, of which it takes the best when it opens one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
from attrs import evolve
from zif.plugin import Exported

from zif_qnn_cpu.exporting.whole import export

if TYPE_CHECKING:
    from zif.plugin import Export

#: Of the format that ONNX Runtime 1.32 reads.
SCHEMA, COMPONENT, FILE = "1.0", "model", "model.onnx"


def export_package(job: Export, embed: bool) -> Exported:
    """manifest.json, a component.json with the variants, and a folder for each. Raises Unsupported as `export`."""
    files: dict[str, bytes | Path] = {}
    variants: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for target in job.whole.targets:
        scratch = job.scratch / target
        scratch.mkdir()
        made = export(evolve(job, target=target, output=Path(FILE), scratch=scratch), embed)
        content = made.files[FILE]
        assert isinstance(content, bytes)
        variants[target] = _variant(content, made.facts["providers"][0])
        facts[target] = made.facts
        files |= {f"{COMPONENT}/{target}/{name}": file for name, file in made.files.items()}
    manifest = {"schema_version": SCHEMA, "package_name": job.name, "components": {COMPONENT: COMPONENT}}
    files["manifest.json"] = _json(manifest)
    files[f"{COMPONENT}/component.json"] = _json({"variants": variants})
    notes = (f"Open it with ONNX Runtime's model packages, component {COMPONENT!r}: it takes the variant of the chip.",)
    return Exported(files, notes, {"variants": facts})


def _variant(model: bytes, provider: str) -> dict[str, Any]:
    proto = onnx.ModelProto.FromString(model)
    said = {prop.key: prop.value for prop in proto.metadata_props}.get(f"ep_compatibility_info.{provider}")
    told = {"compatibility_string": said} if said else {}
    return {"ep": provider, **told, "executor_info": {"ort": {"model_file": FILE}}}


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"
