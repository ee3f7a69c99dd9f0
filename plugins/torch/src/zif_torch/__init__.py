"""PyTorch for zif: exported programs, TorchScript and modules as ONNX, held against PyTorch itself."""

from __future__ import annotations

from zif.plugin import FrontendAt

frontend = FrontendAt(
    recognize="zif_torch.sources:recognized",  # by magic bytes, members and the names in pickles; torch is not imported
    convert="zif_torch.export:exported",
    run="zif_torch.export:computed",
)
