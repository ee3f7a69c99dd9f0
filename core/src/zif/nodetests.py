"""ONNX's own tests, one operator each, run on one backend: what is right, what is wrong and by how much.

They come with the onnx package (`onnx.backend.test`). They are computed when they are loaded, which takes seconds.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from zif.facts import unit_facts
from zif.model import Model
from zif.observing import Case

if TYPE_CHECKING:
    import onnx

    from zif.facade import Backend
    from zif.records import Target

#: Relative to the largest value that was expected: results farther off than this are wrong, not imprecise.
IMPRECISE = 1e-3

Run = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Outcome = Literal["right", "wrong", "imprecise", "error"]


@frozen(eq=False)
class NodeTest:
    """One test: a model, and inputs with the outputs that must come of them, both in the order of the model's graph."""

    name: str
    model: onnx.ModelProto
    data: tuple[tuple[tuple[Any, ...], tuple[Any, ...]], ...]
    rtol: float
    atol: float

    def judge(self, run: Run) -> tuple[Outcome, str]:
        """How a run of the model ends, compared as ONNX compares: the outcome, and a sentence when it is not right."""
        graph = self.model.graph
        for inputs, outputs in self.data:
            feeds = {value.name: array for value, array in zip(graph.input, inputs, strict=False)}
            try:
                results = run(feeds)
                actual = [results[value.name] for value in graph.output]
            except Exception as error:
                return "error", _line(error)
            problem = self._compare(outputs, actual)
            if problem:
                return ("imprecise" if _close(outputs, actual) else "wrong"), problem
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


def node_tests(operators: Iterable[str] | None = None) -> tuple[NodeTest, ...]:
    """Every test of the installed onnx, or those of some operators (by type), which load quickly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tests compute with infinities and empty sets on purpose
        cases = _all_cases() if operators is None else [case for op in operators for case in _cases_of(op)]
    return tuple(_test(case) for case in cases)


def observe(backend: Backend, target: Target, tests: Iterable[NodeTest]) -> Iterator[Case]:
    """One case for each test of a single unit that `backend` says it takes, unless only observation made it refuse."""
    options = backend.options({}, target)
    for test in tests:
        model = Model.load(test.model)
        if len(model.units) != 1:
            continue
        unit = model.units[0]
        verdict = backend.capabilities(target, model).verdicts[unit.id]
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


def _all_cases() -> list[Any]:
    from onnx.backend.test.loader import load_model_tests

    return list(load_model_tests(kind="node"))


def _cases_of(operator: str) -> list[Any]:
    from onnx.backend.test.case.node import collect_testcases_by_operator

    return list(collect_testcases_by_operator(operator))


def _test(case: Any) -> NodeTest:
    data = tuple((tuple(map(_value, inputs)), tuple(map(_value, outputs))) for inputs, outputs in case.data_sets)
    return NodeTest(case.name, case.model, data, case.rtol, case.atol)


def _value(item: Any) -> Any:
    """The value in a test's data: a proto becomes an array, list or None, and a numpy scalar an array of rank 0."""
    import numpy as np
    from onnx import OptionalProto, SequenceProto, TensorProto, numpy_helper

    readers = {
        TensorProto: numpy_helper.to_array,
        SequenceProto: numpy_helper.to_list,
        OptionalProto: numpy_helper.to_optional,
    }
    if type(item) in readers:
        return readers[type(item)](item)
    return np.asarray(item) if isinstance(item, np.generic) else item


def _close(expected: Sequence[Any], actual: Sequence[Any]) -> bool:
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
