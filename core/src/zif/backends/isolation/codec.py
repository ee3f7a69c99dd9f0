"""What crosses to a worker and back: plain data as JSON, contents as raw bytes beside it, and no pickle.

The other side may have another Python, numpy, onnx or zif, so nothing is sent that only works with the same classes.
Besides JSON's own values there are tuples, sets, bytes, paths, arrays, and the records that stand in `RECORDS`, by name
and field: a field that the other side does not know is passed over, one that it does not send has its default.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from zif.errors import ZifError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zif.records import Array

#: Raised with the number of the protocol whenever what one side sends means something else to the other.
PROTOCOL = 1

#: Where each record that may cross is.
RECORDS: Mapping[str, str] = {
    **dict.fromkeys(("Capabilities", "Certificate", "Compiled", "Converted", "FixedRange", "Installed"), "zif.records"),
    **dict.fromkeys(("EngineOperator", "OperatorTrace"), "zif.records"),
    **dict.fromkeys(("OpClaim", "QuantizationRules", "Rates", "Said", "Target", "TensorInfo"), "zif.records"),
    **dict.fromkeys(("Verdict", "WeightType"), "zif.records"),
    **dict.fromkeys(("Failure", "Given", "Hello", "Loaded", "Opaque", "Welcome"), "zif.backends.isolation.messages"),
    **dict.fromkeys(("Described", "Field", "Refused"), "zif.backends.isolation.described"),
    "Check": "zif.backends.checks",
    "Unit": "zif.model.units",
}
#: The JSON of messages that are sent again and again, by what it depends on; and up to what length it is kept.
_heads: dict[Any, bytes] = {}
_MANY, _SHORT = 1024, 4096
_JSON = json.JSONEncoder(separators=(",", ":"), check_circular=False)
#: What marks a JSON object that stands for something else; its value says for what.
_MARK = "$"


class CannotCross(Exception):
    """A value that is no plain data, so that another process cannot be told of it. The text says which."""


def encoded(message: Any, *, exact: bool = False) -> list[Any]:
    """A message as buffers of bytes: its JSON, and the contents of its arrays and bytes.

    exact: refuse a value of a class of its own, such as a subclass of str, where else the plain one goes. Raises
    CannotCross.
    """
    form = _form(message)
    head = _heads.get(form) if form is not None else None
    if head is not None:
        arrays = message if type(message) is dict else message[2][1]
        return [head, *map(_flat, arrays.values())]
    buffers: list[Any] = [b""]
    tree = _Encoder(buffers, exact).tree(message)
    buffers[0] = _JSON.encode(tree).encode()
    if form is not None and len(_heads) < _MANY:
        _heads[form] = buffers[0]
    return buffers


def _form(message: Any) -> Any:
    """What the JSON of a run's arrays depends on, as a key; None for every other message.

    A run is the one message that is sent again and again, and its JSON takes longer than a small array.
    """
    kind = type(message)
    if kind is dict:
        handle, arrays = None, message
    elif kind is list and len(message) == 3 and message[0] is None and message[1] == "run" and len(message[2]) == 2:
        handle, arrays = message[2]
    else:
        return None
    rows = []
    for name, array in arrays.items() if type(arrays) is dict else ():
        if type(array) is not _array_type() or not array.flags.c_contiguous or array.dtype.hasobject:
            return None
        rows.append((name, array.dtype, array.shape))
    return (handle, *rows) if rows else None


@cache
def _array_type() -> Any:
    import numpy as np

    return np.ndarray


def _flat(array: Array) -> Any:
    """The bytes of a C-contiguous array."""
    return array.reshape(-1).view("u1").data if array.size else b""


def crosses(value: Any) -> bool:
    """Whether it comes out as exactly what it is: a model, or plain data without a class of its own."""
    if _is_model(type(value)):
        return True
    try:
        encoded(value, exact=True)
    except (CannotCross, RecursionError):
        return False
    return True


def decoded(buffers: Sequence[Any], *, copy: bool) -> Any:
    """The message in these buffers. Without `copy` its arrays look into them. Raises CannotCross."""
    try:
        head = bytes(buffers[0])
        return _Decoder(buffers, copy).value(_tree(head) if len(head) < _SHORT else json.loads(head))
    except Exception as error:  # what the records and libraries here make of it may raise anything
        raise CannotCross(f"it is not what this zif understands: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=1024)
def _tree(head: bytes) -> Any:
    """The JSON of a message; nobody changes it."""
    return json.loads(head)


class _Encoder:
    """Makes the tree of one message, and gathers its buffers."""

    def __init__(self, buffers: list[Any], exact: bool) -> None:
        self._buffers, self._exact = buffers, exact

    def tree(self, value: Any) -> Any:
        kind = type(value)
        if kind in _ATOMS:
            return value
        encode = _ENCODERS.get(kind)
        if encode is not None:
            return encode(self, value)
        return self._other(value, kind)

    def _other(self, value: Any, kind: type) -> Any:
        """What is of no class that is known by itself."""
        import numpy as np

        if kind is np.ndarray:
            return self._array(value)
        name = kind.__name__
        if _record(name) is kind:
            return self._record(value, name)
        if isinstance(value, np.generic):
            return self._array(np.asarray(value)) | {"scalar": True}
        if isinstance(value, Path):
            return {_MARK: "path", "of": str(value)}
        if _is_model(kind):
            return {_MARK: "Model", "of": self.tree(value.__getstate__())}
        if isinstance(value, ZifError) and kind is not ZifError:
            return self._error(value)
        return self._lenient(value, kind)

    def _lenient(self, value: Any, kind: type) -> Any:
        import numpy as np

        plain: Sequence[tuple[type, Callable[[Any], Any]]] = (
            *((str, str.__str__), (bool, bool), (int, int), (float, float), (tuple, tuple), (list, list)),
            *((Mapping, dict), (frozenset, frozenset), (set, set), (bytes, bytes), (bytearray, bytes)),
            (np.ndarray, np.asarray),
        )
        for base, made in plain:
            if not self._exact and isinstance(value, base):
                return self.tree(made(value))
        raise CannotCross(f"{kind.__module__}.{kind.__qualname__} is no plain data")

    def _list(self, value: list[Any]) -> Any:
        return [self.tree(element) for element in value]

    def _tuple(self, value: tuple[Any, ...]) -> Any:
        return {_MARK: [self.tree(element) for element in value]}

    def _dict(self, value: dict[Any, Any]) -> Any:
        if _MARK not in value and all(type(key) is str for key in value):
            return {key: self.tree(element) for key, element in value.items()}
        return {_MARK: "map", "of": [[self.tree(key), self.tree(element)] for key, element in value.items()]}

    def _set(self, value: Any) -> Any:
        name = "frozenset" if isinstance(value, frozenset) else "set"
        return {_MARK: name, "of": [self.tree(element) for element in value]}

    def _bytes(self, value: bytes) -> Any:
        return {_MARK: "bytes", "at": self._part(value)}

    def _complex(self, value: complex) -> Any:
        return {_MARK: "complex", "of": [value.real, value.imag]}

    def _array(self, value: Array) -> dict[str, Any]:
        import numpy as np

        dtype, shape = value.dtype, value.shape
        if dtype.hasobject:
            if dtype.kind != "O":
                raise CannotCross(f"an array of {dtype} is no plain data")
            return {_MARK: "objects", "shape": list(shape), "of": self.tree(value.ravel().tolist())}
        flags = value.flags
        told: dict[str, Any] = {_MARK: "array", "dtype": _dtype_name(dtype), "shape": list(shape)}
        if flags.c_contiguous:
            flat = value.reshape(-1)
        elif flags.f_contiguous:
            flat, told["f"] = value.T.reshape(-1), True
        else:
            return self._array(np.array(value, order="C", subok=False))
        told["at"] = self._part(flat.view(np.uint8).data if flat.size else b"")
        return told

    def _record(self, value: Any, name: str) -> Any:
        tree: dict[str, Any] = {_MARK: name}
        for field, alias, default in _fields(value.__class__):
            content = getattr(value, field)
            if content is not default:
                tree[alias] = self.tree(content)
        return tree

    def _error(self, error: ZifError) -> Any:
        """As the nearest class that zif itself has: a plugin's own is not known elsewhere."""
        import zif.errors as known

        own = next(base.__name__ for base in type(error).__mro__ if getattr(known, base.__name__, None) is base)
        if own == "ZifError":
            raise CannotCross(f"{type(error).__name__} is no error of zif's own")
        more = {name: getattr(error, name) for name in _ERROR_FIELDS.get(own, ())}
        rows = [list(row) for row in more.pop("obstacles", ())]
        return {_MARK: "error", "kind": own, "text": str(error), "more": self.tree(more), "obstacles": self.tree(rows)}

    def _part(self, content: Any) -> int:
        self._buffers.append(content)
        return len(self._buffers) - 1


_ATOMS = frozenset({type(None), bool, int, float, str})
_ENCODERS: Mapping[type, Callable[[_Encoder, Any], Any]] = {
    list: _Encoder._list,
    tuple: _Encoder._tuple,
    dict: _Encoder._dict,
    frozenset: _Encoder._set,
    set: _Encoder._set,
    bytes: _Encoder._bytes,
    complex: _Encoder._complex,
}
#: What errors hold besides their text.
_ERROR_FIELDS = {"BackendCrashed": ("log",), "Unsupported": ("obstacles",)}


class _Decoder:
    """Makes the values of one message."""

    def __init__(self, buffers: Sequence[Any], copy: bool) -> None:
        self._buffers, self._copy = buffers, copy

    def value(self, tree: Any) -> Any:
        kind = type(tree)
        if kind is list:
            return [self.value(element) for element in tree]
        if kind is not dict:
            return tree
        mark = tree.get(_MARK)
        if mark is None:
            return {key: self.value(element) for key, element in tree.items()}
        if type(mark) is list:
            return tuple([self.value(element) for element in mark])
        decode = _DECODERS.get(mark)
        return decode(self, tree) if decode is not None else self._record(tree, mark)

    def _map(self, tree: dict[str, Any]) -> Any:
        return {self.value(key): self.value(pair) for key, pair in tree["of"]}

    def _bytes(self, tree: dict[str, Any]) -> Any:
        return bytes(self._buffers[tree["at"]])

    def _objects(self, tree: dict[str, Any]) -> Any:
        import numpy as np

        made = np.empty(len(tree["of"]), dtype=object)
        for place, element in enumerate(tree["of"]):
            made[place] = self.value(element)
        return made.reshape(tree["shape"])

    def _array(self, tree: dict[str, Any]) -> Any:
        import numpy as np

        dtype, shape, part = _dtype(tree["dtype"]), tree["shape"], self._buffers[tree["at"]]
        turned = "f" in tree
        if len(part) and not self._copy:
            array = np.frombuffer(part, dtype)
            array = array.reshape(shape[::-1]).T if turned else array.reshape(shape)
        else:  # an array that owns its memory; numpy's allocator asks for huge pages, which halves the time of a copy
            array = np.empty(shape, dtype, "F" if turned else "C")
            flat = (array.T if turned else array).reshape(-1).view(np.uint8)
            flat[:] = np.frombuffer(part, np.uint8) if len(part) else part
        return array[()] if "scalar" in tree else array

    def _model(self, tree: dict[str, Any]) -> Any:
        from zif.model import Model

        model = Model.__new__(Model)
        model.__setstate__(self.value(tree["of"]))
        return model

    def _error(self, tree: dict[str, Any]) -> Any:
        import zif.errors as known

        kind = getattr(known, tree["kind"], None)
        if not (isinstance(kind, type) and issubclass(kind, ZifError)):
            kind = known.StageFailed  # one that a newer zif has
        if kind is known.Unsupported:
            return kind(tree["text"], [known.Obstacle(*row) for row in tree["obstacles"]])
        return kind(tree["text"], **self.value(tree["more"]))

    def _record(self, tree: dict[str, Any], name: str) -> Any:
        kind = _record(name)
        if kind is None:
            raise ValueError(f"no record is called {name!r}")
        known = _aliases(kind)
        return kind(**{key: self.value(element) for key, element in tree.items() if key in known})


_DECODERS: Mapping[str, Callable[[_Decoder, dict[str, Any]], Any]] = {
    "map": _Decoder._map,
    "frozenset": lambda self, tree: frozenset(self.value(tree["of"])),
    "set": lambda self, tree: set(self.value(tree["of"])),
    "bytes": _Decoder._bytes,
    "path": lambda _, tree: Path(tree["of"]),
    "complex": lambda _, tree: complex(*tree["of"]),
    "objects": _Decoder._objects,
    "array": _Decoder._array,
    "Model": _Decoder._model,
    "error": _Decoder._error,
}


def _is_model(kind: type) -> bool:
    return kind.__name__ == "Model" and kind.__module__ == "zif.model.model"


@cache
def _record(name: str) -> Any:
    home = RECORDS.get(name)
    return None if home is None else getattr(importlib.import_module(home), name)


@cache
def _fields(kind: Any) -> tuple[tuple[str, str, Any], ...]:
    """Name, name as an argument, and default of what a record is made from."""
    return tuple((field.name, field.alias, field.default) for field in attrs.fields(kind) if field.init)


@cache
def _aliases(kind: Any) -> frozenset[str]:
    return frozenset(alias for _, alias, _ in _fields(kind))


@cache
def _dtype_name(dtype: Any) -> str:
    if dtype.kind == "V":
        if dtype.names is not None or dtype.name.startswith("void"):
            raise CannotCross(f"an array of {dtype} is no plain data")
        return str(dtype.name)  # of ml_dtypes
    return str(dtype.str)


@cache
def _dtype(name: str) -> Any:
    import numpy as np

    if name[0] in "<>|=":
        return np.dtype(name)
    import ml_dtypes

    if not hasattr(ml_dtypes, name):
        raise ValueError(f"ml_dtypes {ml_dtypes.__version__} has no {name}")
    return np.dtype(getattr(ml_dtypes, name))


__all__ = ["PROTOCOL", "RECORDS", "CannotCross", "crosses", "decoded", "encoded"]
