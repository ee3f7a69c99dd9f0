"""ONNX's own tests, one operator each, run on one backend: what is right, what is wrong and by how much.

They come with the onnx package (`onnx.backend.test`). They are computed when they are loaded, which takes seconds.
"""

from __future__ import annotations

import pkgutil
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from zif.errors import UsageError
from zif.model import Model, installed_onnx
from zif.model.dtypes import element_dtype
from zif.testing.learning import Case
from zif.testing.tolerance import within_noise
from zif.verdicts.facts import unit_facts

if TYPE_CHECKING:
    import onnx

    from zif.backends.backend import Backend
    from zif.records import Target, Verdict

#: Relative to the largest value that was expected: results farther off than this are wrong, not imprecise.
IMPRECISE = 1e-3

#: Operators whose answer is drawn at random.
RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)

_HOME = "onnx.backend.test.case.node"

Run = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Promises = Callable[[Model], Mapping[str, "Verdict"]]
Outcome = Literal["right", "wrong", "imprecise", "error"]


@frozen(eq=False)
class NodeTest:
    """One test: a model, and inputs with the outputs that must come of them, both in the order of the model's graph."""

    name: str
    model: onnx.ModelProto
    data: tuple[tuple[tuple[Any, ...], tuple[Any, ...]], ...]
    rtol: float
    atol: float

    @property
    def random(self) -> bool:
        """Whether an operator in it draws numbers: then only types and shapes can be judged."""
        return any(node.op_type in RANDOM for node in self.model.graph.node)

    def feeds(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """The inputs of one run by name."""
        return {value.name: array for value, array in zip(self.model.graph.input, inputs, strict=False)}

    def judge(self, run: Run) -> tuple[Outcome, str]:
        """How a run of the model ends, compared as ONNX compares: the outcome, and a sentence when it is not right.

        What the element types cannot resolve beside the largest value is no difference: ONNX's tolerance is absolute.
        """
        graph = self.model.graph
        for inputs, outputs in self.data:
            try:
                results = run(self.feeds(inputs))
                actual = [results[value.name] for value in graph.output]
            except Exception as error:
                return "error", _line(error)
            problem = self._compare(outputs, actual)
            if problem and not within_noise(outputs, actual):
                return ("imprecise" if close(outputs, actual) else "wrong"), problem
        return "right", ""

    def _compare(self, expected: Sequence[Any], actual: Sequence[Any]) -> str:
        from onnx.backend.test.runner import Runner

        try:
            Runner.assert_similar_outputs(
                list(map(_comparable, expected)), list(map(_comparable, actual)), self.rtol, self.atol
            )
        except (AssertionError, TypeError, AttributeError) as error:
            return _worst(expected, actual) or _line(error)
        return ""


def node_tests(some: Iterable[str] | None = None) -> tuple[NodeTest, ...]:
    """Every test of the installed onnx, or those of some of its modules ("conv", "ai_onnx_ml.binarizer"), loaded alone.

    Raises UsageError for a module that onnx does not have.
    """
    known = modules()
    names = known if some is None else tuple(some)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"onnx has no module of node tests {unknown[0]!r}; it has {', '.join(known)}")
    return tuple(test for name in names for test in _of_module(name) if _is_held(test.model.graph))


def _is_held(graph: onnx.GraphProto) -> bool:
    """Whether the installed onnx holds the values of such a test in arrays of their types; an older one makes do."""
    kinds = {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)} - {0}
    return all(installed_onnx.holds(element_dtype(kind).name) for kind in kinds)


def observe(
    backend: Backend, target: Target, tests: Iterable[NodeTest], promises: Promises | None = None
) -> Iterator[Case]:
    """One case for each test of a single unit that `backend` promises to take.

    promises: the backend's verdicts on a model before any observation; without it, its capabilities, where a refusal
    that rests on observation counts as a promise.
    """
    options = backend.options({}, target)
    for test in tests:
        model = Model.load(test.model)
        if len(model.units) != 1:
            continue
        unit = model.units[0]
        verdict = (promises or (lambda model: backend.capabilities(target, model).verdicts))(model)[unit.id]
        if verdict.supported or verdict.basis == "observed":
            outcome, detail = _run(test, backend, target, model, options)
            yield Case(test.name, unit.op_type, unit.domain, unit_facts(model, unit), outcome, detail)


def _run(
    test: NodeTest, backend: Backend, target: Target, model: Model, options: Any
) -> tuple[Literal["right", "wrong", "imprecise", "refused", "error"], str]:
    try:
        compiled = backend.compile(backend.convert(model, target, options), target, options)
        executable = backend.load(compiled, options)
    except Exception as error:
        return "refused", _line(error)
    try:
        return test.judge(executable.run)
    finally:
        executable.close()


@cache
def modules() -> tuple[str, ...]:
    """The modules of onnx that hold its node tests, mostly one for each operator."""
    home = import_module(_HOME)
    packages = pkgutil.walk_packages(home.__path__, f"{_HOME}.")
    return tuple(info.name.removeprefix(f"{_HOME}.") for info in packages if not info.ispkg)


@cache
def _of_module(name: str) -> tuple[NodeTest, ...]:
    """The tests that a module adds to onnx's one list when it is imported."""
    known: list[Any] = import_module(_HOME)._NodeTestCases
    if f"{_HOME}.{name}" in sys.modules:  # somebody else has imported it: its tests are told by their operator
        return tuple(_test(case) for case in known if _names(case, name))
    before = len(known)
    with warnings.catch_warnings(), _words_of_numpy_2():
        warnings.simplefilter("ignore")  # the tests compute with infinities and empty sets on purpose
        import_module(f"{_HOME}.{name}")
    return tuple(_test(case) for case in known[before:])


@contextmanager
def _words_of_numpy_2() -> Iterator[None]:
    """onnx 1.18 writes some tests in a word of numpy 2, although it lives beside older ones."""
    import numpy as np

    if np.__version__.split(".")[0] != "1":
        yield
        return
    np.bool = np.bool_  # type: ignore[misc]
    try:
        yield
    finally:
        del np.bool


def _names(case: Any, module: str) -> bool:
    word = module.rpartition(".")[2].replace("_", "")
    return any(node.op_type.lower() == word for node in case.model.graph.node)


def _test(case: Any) -> NodeTest:
    data = tuple((tuple(map(_value, inputs)), tuple(map(_value, outputs))) for inputs, outputs in case.data_sets)
    return NodeTest(case.name, case.model, data, case.rtol, case.atol)


def _value(item: Any) -> Any:
    """The value in a test's data: a proto becomes an array, list or None, and a numpy scalar an array of rank 0."""
    import numpy as np
    from onnx import OptionalProto, SequenceProto, TensorProto

    from zif.model.dtypes import decoded

    if isinstance(item, TensorProto | SequenceProto | OptionalProto):
        return decoded(item)
    return np.asarray(item) if isinstance(item, np.generic) else item


def close(expected: Sequence[Any], actual: Sequence[Any]) -> bool:
    """Whether results that are not right are off by little: by less than IMPRECISE of the largest expected value."""
    import numpy as np

    for want, have in zip(expected, actual, strict=False):
        if not isinstance(want, np.ndarray) or have.dtype != want.dtype or have.shape != want.shape:
            return False
        if want.dtype.kind not in "fc" or not np.array_equal(np.isfinite(want), np.isfinite(have)):
            return False
        finite = np.isfinite(want)
        scale = np.abs(want[finite]).max(initial=0)
        if np.abs(want[finite] - have[finite]).max(initial=0) > IMPRECISE * scale:
            return False
    return True


def _worst(expected: Sequence[Any], actual: Sequence[Any]) -> str:
    """The largest difference between outputs that can be subtracted, in words."""
    import numpy as np

    worst, words = 0.0, ""
    for want, have in zip(expected, actual, strict=False):
        if not (isinstance(want, np.ndarray) and isinstance(have, np.ndarray) and want.shape == have.shape):
            continue
        if want.dtype != have.dtype or want.dtype.kind not in "fiu":
            continue
        if not np.array_equal(np.isfinite(want), np.isfinite(have)):
            return "infinity or NaN in other places"
        wide = want[np.isfinite(want)].astype(np.float64), have[np.isfinite(want)].astype(np.float64)
        off, scale = np.abs(wide[0] - wide[1]).max(initial=0), np.abs(wide[0]).max(initial=0)
        if off / (scale or 1) > worst:
            worst, words = off / (scale or 1), f"off by {off:.2g} where values reach {scale:.2g}"
    return words


def _comparable(value: Any) -> Any:
    """ONNX's comparison cannot take a scalar inside a sequence: such a one becomes an array of one element."""
    import numpy as np

    return (
        [np.atleast_1d(item) if isinstance(item, np.ndarray) else item for item in value]
        if isinstance(value, list)
        else value
    )


def _line(error: BaseException) -> str:
    """The error in one line, without what differs between machines; the middle is left out when it is long."""
    text = re.sub(r"/\S+/([\w.]+:\d+)", r"\1", " ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= 240 else f"{text[:60]} … {text[-170:]}"
