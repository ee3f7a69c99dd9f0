"""Which `onnxruntime` an import gets: applications get zif's, zif's backends and ONNX Runtime's own code the real one.

Both live in one process. `sys.modules` holds the real package, whose code finds its parts there; an application's
imports never come so far: `builtins.__import__` and `importlib.import_module` look at who asks, and only for names that
begin with "onnxruntime". Every Python that an application starts imports this module: it imports little.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Mapping, Sequence
from types import FrameType, ModuleType
from typing import Any

_NAME = "onnxruntime"
#: Whose code gets the real package whoever calls it: ONNX Runtime, what belongs to it, and zif.
_OWN = ("onnxruntime", "zif")
#: Groups of entry points whose distributions are zif's plugins.
_GROUPS = ("zif.",)

_import = builtins.__import__
_import_module = importlib.import_module
_plugins: list[frozenset[str]] = []


def install() -> None:
    """From now on applications get zif's. May be called twice."""
    if builtins.__import__ is not _redirecting:
        builtins.__import__ = _redirecting
        importlib.import_module = _redirecting_module


def uninstall() -> None:
    """Everybody gets the real one again."""
    builtins.__import__ = _import
    importlib.import_module = _import_module


def _redirecting(
    name: str,
    globals: Mapping[str, Any] | None = None,
    locals: Mapping[str, Any] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    if name[:11] != _NAME or level or not _is_ours(name):
        return _import(name, globals, locals, fromlist, level)
    if _is_real_asker(str((globals or {}).get("__name__", "")), sys._getframe(1)):
        return _import(name, globals, locals, fromlist, level)
    home = _ours(name)
    return home if fromlist else _ours(_NAME)


def _redirecting_module(name: str, package: str | None = None) -> ModuleType:
    if not name.startswith(_NAME) or not _is_ours(name):
        return _import_module(name, package)
    frame = sys._getframe(1)
    if _is_real_asker(str(frame.f_globals.get("__name__", "")), frame):
        return _import_module(name, package)
    return _ours(name)


def _is_ours(name: str) -> bool:
    return name == _NAME or name.startswith(f"{_NAME}.")


def _ours(name: str) -> ModuleType:
    """zif's module in the place of this one; the real one, where zif has none."""
    door = _import_module("zif.ort")
    if name == _NAME:
        return door
    modules = _import_module("zif.runtime.dropin.modules")
    below = name.partition(".")[2]
    module: ModuleType | None = modules.MODULES.get(below)
    return module if module is not None else _import_module(name)


def _is_real_asker(name: str, frame: FrameType | None) -> bool:
    """Whether the code that asks is ONNX Runtime's, zif's or a plugin's, or was called by a plugin.

    A library that a plugin uses may import the engine for it: somewhere below it stands the plugin.
    """
    top = name.partition(".")[0]
    if _is_own(top):
        return True
    while frame is not None:
        top = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if top in _plugin_packages() or (top != "zif" and _is_own(top)):
            return True
        frame = frame.f_back
    return False


def _is_own(top: str) -> bool:
    return top in _OWN or top.startswith(tuple(f"{package}_" for package in _OWN)) or top in _plugin_packages()


def _plugin_packages() -> frozenset[str]:
    """The top packages of distributions that are plugins of zif; read once, when somebody first asks."""
    if not _plugins:
        _plugins.append(frozenset())  # reading imports, too
        installed = _import_module("zif.files.installed")
        points = (point for point in installed.every() if point.group.startswith(_GROUPS))
        _plugins[0] = frozenset(point.value.partition(":")[0].partition(".")[0] for point in points)
    return _plugins[0]
