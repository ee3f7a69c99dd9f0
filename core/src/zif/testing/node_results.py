"""How a node test ends on a backend: right, or in which way not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from attrs import evolve, frozen

from zif.errors import BackendCrashed, Unsupported, ZifError
from zif.files.wording import listed
from zif.model import Model
from zif.testing.networks import answers
from zif.testing.nodetests import NodeTest, close
from zif.testing.subject import Subject
from zif.testing.tolerance import difference, rounded, tolerance, within_noise

Outcome = Literal["right", "wrong", "imprecise", "refused", "error", "crash", "not claimed"]


#: Codes of what was seen to go wrong, and is therefore kept off.
KEPT = frozenset({"observed-wrong", "observed-crash", "verified-wrong"})


@frozen
class Ending:
    """`detail` is a sentence when the outcome is not "right".

    dtype: of the test's first typed input, or output where it has none. kept_off: it is not claimed because it was
    observed to be wrong.
    """

    outcome: Outcome
    detail: str = ""
    dtype: str = ""
    kept_off: bool = False

    @property
    def fine(self) -> bool:
        """Whether nobody has to do anything about it."""
        return self.outcome in ("right", "not claimed")


def ending(subject: Subject, test: NodeTest) -> Ending:
    """The ending on a backend that is held to what it claims."""
    try:
        model = Model.load(test.model)
    except ZifError:
        return Ending("not claimed")  # a model that core itself refuses is nobody's claim
    dtype = next((info.dtype for info in (*model.inputs, *model.outputs) if info.dtype), "")
    verdicts = subject.verdicts(model)
    refused = [verdicts.get(unit.id) for unit in model.units]
    first = next((verdict for verdict in refused if verdict is None or verdict.supported is not True), None)
    if model.units and all(verdict is not None and verdict.supported is True for verdict in refused):
        return evolve(tried(subject, test, model), dtype=dtype)
    why, kept = (first.reason, first.code in KEPT) if first is not None else ("it gives no verdict", False)
    return Ending("not claimed", why, dtype, kept)


def tried(subject: Subject, test: NodeTest, model: Model) -> Ending:
    """The ending when the test is built and run, claimed or not."""
    try:
        executable = subject.load(model)
    except BackendCrashed as error:
        return Ending("crash", str(error))
    except ZifError as error:
        return Ending("refused", str(error))
    try:
        return _judged(subject, test, executable)
    except (BackendCrashed, Unsupported, ZifError) as error:
        return Ending("crash" if isinstance(error, BackendCrashed) else "error", str(error))
    except Exception as error:
        return Ending("error", f"{type(error).__name__}: {error}")
    finally:
        executable.close()


def _judged(subject: Subject, test: NodeTest, executable: Any) -> Ending:
    for inputs, outputs in test.data:
        results = executable.run(test.feeds(inputs))
        names = [value.name for value in test.model.graph.output]
        missing = [name for name in names if name not in results]
        if missing:
            return Ending("wrong", f"output {missing[0]!r} is missing")
        told = compared(subject, test, test.feeds(inputs), dict(zip(names, outputs, strict=True)), results)
        if told and not within_noise(outputs, [results[name] for name in names]):
            near = close(outputs, [results[name] for name in names])
            return Ending("imprecise" if near else "wrong", told)
    return Ending("right")


def compared(
    subject: Subject, test: NodeTest, inputs: Mapping[str, Any], want: Mapping[str, Any], have: Mapping[str, Any]
) -> str:
    """What is wrong with the outputs of one run, as a sentence; "" when they are right.

    A backend that computes floats below fp32 is also right when it gives what the *rounded* inputs give: log(softmax)
    of 10001 and 10003 has no better answer in fp16, which holds neither.
    """
    told = _differences(subject, test, want, have)
    precision = subject.general.preferred_precision
    if not told or precision == "fp32":
        return told
    try:
        rounded_inputs = rounded(inputs, precision)
        again = answers(test.model, rounded_inputs)
    except Exception:  # the evaluator does not have everything that a backend may
        return told
    return _differences(subject, test, again, have) and told


def _differences(subject: Subject, test: NodeTest, want: Mapping[str, Any], have: Mapping[str, Any]) -> str:
    for name, value in want.items():
        if test.random:
            told = _form(have[name], value)
        else:
            told = difference(have[name], value, *_tolerance(subject, test, value))
        if told:
            return f"output {name!r}: {told}"
    return ""


def _form(have: Any, want: Any) -> str:
    if np.asarray(have).dtype != want.dtype:
        return f"dtype {np.asarray(have).dtype} instead of {want.dtype}"
    return "" if np.shape(have) == want.shape else f"shape {list(np.shape(have))} instead of {list(want.shape)}"


def _tolerance(subject: Subject, test: NodeTest, want: Any) -> tuple[float, float]:
    """ONNX's own tolerance, widened for a backend that computes below fp32."""
    kind = getattr(getattr(want, "dtype", None), "kind", "O")
    if kind not in "fV" or subject.general.preferred_precision == "fp32":
        return test.rtol, test.atol
    rtol, atol = tolerance(want.dtype, subject.general.preferred_precision)
    return max(rtol, test.rtol), max(atol, test.atol)


def brief(endings: Mapping[str, Ending], most: int = 12) -> str:
    """The endings that are not fine, one a line."""
    lines = (f"{n}: {e.outcome}: {e.detail}" for n, e in endings.items() if not e.fine)
    return listed(lines, most, "\n… and {} more", "\n")
