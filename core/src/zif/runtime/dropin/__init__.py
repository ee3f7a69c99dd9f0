"""ONNX Runtime's Python interface on zif's sessions; `zif.ort` is its door.

What may come in: names, arguments and errors as ONNX Runtime has them, each turned into what zif has. Nothing here runs
a model itself, and no backend imports it: backends that need ONNX Runtime import the real one (see `imports.py`).
"""
