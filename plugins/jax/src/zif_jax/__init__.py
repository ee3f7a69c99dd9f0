"""JAX for zif: functions and modules of Flax and Equinox as ONNX, held against JAX itself."""

from __future__ import annotations

from zif.plugin import FrontendAt

frontend = FrontendAt(
    recognize="zif_jax.sources:recognized",  # by what code imports as it is written; JAX is not imported
    convert="zif_jax.export:exported",
    run="zif_jax.export:computed",
)
