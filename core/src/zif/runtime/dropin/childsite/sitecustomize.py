"""Read at the start of every Python that an application under `python -m zif.ort` starts: it gets zif, too."""

import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _next() -> None:
    """Whatever else is called sitecustomize further on: this one took its place."""
    path = [folder for folder in sys.path if os.path.abspath(folder or ".") != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


_next()
if os.environ.get("ZIF_ORT"):
    try:
        from zif.runtime.dropin.imports import install
    except ImportError:  # another Python, which has no zif: it imports what it has
        pass
    else:
        install()
