"""Frontends: plugins that turn models of other frameworks into ONNX, each held against its source.

What may come in: recognizing a source, asking a frontend in a process of its own, keeping and judging what it made.
"""
