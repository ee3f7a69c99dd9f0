"""Compiles `caffe.proto` to descriptors, which every release of protobuf reads; generated code fits few."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """What hatchling calls before it packs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Make the descriptors."""
        from grpc_tools import protoc

        root = Path(self.root)
        target = root / "src" / "zif_caffe" / "caffe.desc"
        if protoc.main(["protoc", f"-I{root}", f"--descriptor_set_out={target}", "caffe.proto"]):
            raise RuntimeError("protoc could not compile caffe.proto")
