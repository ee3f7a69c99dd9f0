"""The user's libraries of operators while a model is quantized: every session and every model in between knows them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from zif import Model, UsageError

if TYPE_CHECKING:
    from zif.plugin import Source

P = ParamSpec("P")
T = TypeVar("T")

#: A context and no argument of thirty functions: nothing between the call and a session has to do with them.
_named: ContextVar[tuple[Path, ...]] = ContextVar("libraries", default=())


@contextlib.contextmanager
def using(libraries: Sequence[str | Path] | str | Path) -> Iterator[None]:
    """Within it sessions and models know these libraries' operators; those of an outer one stay where none is named."""
    paths = [libraries] if isinstance(libraries, (str, Path)) else libraries
    before = _named.set(tuple(Path(path).absolute() for path in paths) or _named.get())
    try:
        yield
    finally:
        _named.reset(before)


def knowing(function: Callable[P, T]) -> Callable[P, T]:
    """A function whose keyword argument `custom_ops` names the libraries that are in use while it runs."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        custom_ops: Any = kwargs.get("custom_ops", ())
        with using(custom_ops):
            return function(*args, **kwargs)

    return wrapped


def named() -> tuple[Path, ...]:
    """The libraries that are in use, absolute."""
    return _named.get()


def loaded(source: Source, shapes: Mapping[str, Sequence[int]] | None = None) -> Model:
    """The model, with the types of what the libraries' operators make. Raises as `Model.load` does."""
    return Model.load(source, shapes, named())


def session_options() -> Any:
    """ONNX Runtime's options that log nothing and know the libraries. Raises UsageError for what is none."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    for library in named():
        try:
            options.register_custom_ops_library(str(library))
        except Exception as error:  # onnxruntime's errors have no common base class
            raise UsageError(
                f"{library} is no library of operators that ONNX Runtime can load: {error}. It must be built for this "
                "machine and export RegisterCustomOps."
            ) from error
    return options
