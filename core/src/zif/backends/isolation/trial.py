"""A plugin on trial, in a worker: imported, and taken through every stage with one operator that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zif.backends.backend import Backend
from zif.backends.blame import blaming
from zif.records import Target

if TYPE_CHECKING:
    from zif.backends.isolation.messages import Hello
    from zif.model import Model
    from zif.records import Arrays, Stage

#: The stages after the import, in this order.
STEPS = ("general", "model", "convert", "compile", "load", "run", "close")
#: What nearly every engine has, the likeliest first; one is enough.
OPERATORS = ("Relu", "Add", "Mul", "MatMul", "Softmax", "Sigmoid", "Tanh", "Identity", "Neg", "Abs", "Exp")
_PAIRS = ("Add", "Mul", "MatMul")


class TrialServer:
    """Takes its backend one step further with each request.

    Answers "" when there is a next step, else what that makes of it: "fine" where nothing is left to try, "apart" where
    the rest cannot be, "next" where another question is to be asked.
    """

    def __init__(self, hello: Hello) -> None:
        self._backend = Backend.open(hello.spec)
        self.stages: tuple[Stage, ...] = self._backend.stages
        self._target = hello.target or Target("host")
        self._feed: Arrays = {}
        self._options: Any = None
        self._made: Any = None

    def answer(self, stage: str, *words: str) -> str:
        """Do a step. Raises whatever the backend raises."""
        with blaming(self._backend.info.owner, stage):  # a call for the end of the process is caught there, too
            return getattr(self, f"_{stage}")(*words) or ""

    def _general(self) -> str:
        """Whose stages are done in a worker anyway needs no further trial."""
        general = self._backend.capabilities(self._target)
        return "fine" if general.isolate else "" if general.available else "apart"

    def _ready(self) -> None:
        """What zif itself imports for a model, which is none of the backend's time."""
        from zif.model import Model

        Model.load(_single(OPERATORS[0]))

    def _model(self, operator: str) -> str:
        """One question with a model: "next" where the backend does not take this operator."""
        from zif.model import Model

        model = Model.load(_single(operator))
        verdicts = self._backend.capabilities(self._target, model).verdicts
        if not all(unit.id in verdicts and verdicts[unit.id].supported for unit in model.units):
            return "next"
        self._made, self._feed = model, _inputs(model)
        self._options = self._backend.options({}, self._target)
        return ""

    def _convert(self) -> None:
        self._made = self._backend.convert(self._made, self._target, self._options)

    def _compile(self) -> None:
        self._made = self._backend.compile(self._made, self._target, self._options)

    def _load(self) -> None:
        self._made = self._backend.load(self._made, self._options)

    def _run(self) -> None:
        if "execute" in self.stages:
            self._backend.execute(self._made, self._feed)
        else:
            self._made.run(self._feed)

    def _close(self) -> None:
        self._made.close()

    def close(self) -> None:
        """The process ends."""


def _inputs(model: Model) -> Arrays:
    import numpy as np

    return {value.name: np.ones(value.shape, np.float32) for value in model.inputs}


def _single(name: str) -> bytes:
    """A model of one operator on 2 × 2 floats."""
    from onnx import TensorProto, helper

    inputs = ["x", "w"] if name in _PAIRS else ["x"]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (2, 2)) for name in (*inputs, "y")]
    graph = helper.make_graph([helper.make_node(name, inputs, ["y"], name)], f"one {name}", ends[:-1], ends[-1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content
