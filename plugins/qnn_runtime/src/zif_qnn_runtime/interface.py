"""Qualcomm's C interface, as far as it takes to ask a library who it is. Run as a program, it prints that as JSON.

A library is never loaded into the caller: a broken one can take the process down, and the HTP emulator writes to stdout
when it is loaded. `health.status` runs this module in a process of its own.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

_U32, _PTR, _STR = ctypes.c_uint32, ctypes.c_void_p, ctypes.c_char_p
#: Positions in the table of functions that QnnInterface_getProviders gives (QnnInterface.h, core API 2.x).
_CREATE, _BUILD_ID, _OPERATIONS, _FREE = 1, 4, 6, 8


class _Version(ctypes.Structure):
    _fields_ = [("major", _U32), ("minor", _U32), ("patch", _U32)]


class _Provider(ctypes.Structure):
    _fields_ = [
        ("id", _U32),
        ("name", _STR),
        ("core", _Version),
        ("backend", _Version),
        ("functions", _PTR * 16),
    ]


class _Operation(ctypes.Structure):
    _fields_ = [("package", _STR), ("name", _STR), ("target", _STR)]


def inspect(path: str) -> dict[str, Any]:
    """Load a library and start its backend: provider, build, operators, or `error` (text) or `code` (QNN's number)."""
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        return {"error": str(error)}
    if not hasattr(library, "QnnInterface_getProviders"):
        return {"provider": "", "code": 0} if hasattr(library, "QnnSystemInterface_getProviders") else {"error": _ALIEN}
    count, table = _U32(), _PTR()
    code = library.QnnInterface_getProviders(ctypes.byref(table), ctypes.byref(count))
    if code or not count.value:
        return {"code": code or -1, "call": "QnnInterface_getProviders"}
    provider = ctypes.cast(table, ctypes.POINTER(ctypes.POINTER(_Provider)))[0].contents
    return {"provider": (provider.name or b"").decode(), **_start(provider)}


_ALIEN = "it is a shared library, but not one of QNN's (no QnnInterface_getProviders)"


def _start(provider: _Provider) -> dict[str, Any]:
    handle = _PTR()
    code = _function(provider, _CREATE, _PTR, _PTR, _PTR)(None, None, ctypes.byref(handle))
    if code:
        return {"code": code, "call": "backendCreate", "build": _build(provider)}
    answer = {"code": 0, "build": _build(provider), "operators": _operators(provider, handle)}
    _function(provider, _FREE, _PTR)(handle)
    return answer


def _function(provider: _Provider, index: int, *arguments: Any) -> Any:
    return ctypes.CFUNCTYPE(ctypes.c_uint64, *arguments)(provider.functions[index])


def _build(provider: _Provider) -> str:
    text = _STR()
    code = _function(provider, _BUILD_ID, _PTR)(ctypes.byref(text))
    return "" if code else (text.value or b"").decode()


def _operators(provider: _Provider, handle: ctypes.c_void_p) -> list[str]:
    if not provider.functions[_OPERATIONS]:
        return []
    count, table = _U32(), _PTR()
    code = _function(provider, _OPERATIONS, _PTR, _PTR, _PTR)(handle, ctypes.byref(count), ctypes.byref(table))
    if code or not table.value:
        return []
    rows = ctypes.cast(table, ctypes.POINTER(_Operation))
    return sorted({(rows[index].name or b"").decode() for index in range(count.value)})


def main() -> None:
    """Print the answer on the original stdout as one line, whatever the library itself writes there."""
    answer = os.fdopen(os.dup(1), "w")
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    json.dump(inspect(sys.argv[1]), answer)
    answer.flush()
    os._exit(0)  # a library's own exit handlers have nothing to add


if __name__ == "__main__":
    main()
