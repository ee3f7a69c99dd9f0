"""The judge: a model computed operator by operator on a CPU, as ONNX defines each, without optimizations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import onnx
from attrs import field, frozen

from zif.errors import BackendUnavailable

if TYPE_CHECKING:
    from zif.backends.survey import Answer
    from zif.model import Model
    from zif.runtime.session import Session


@frozen
class Judge:
    """The installed backends that can judge others, by name, with the options under which they do.

    versions: of each, its distribution's and its engine's. target: where they run.
    """

    options: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, str] = field(factory=dict)
    target: str = "host"

    @classmethod
    def installed(cls) -> Judge:
        """Raises BackendUnavailable when no installed backend can judge others."""
        from zif.backends.survey import ask_all
        from zif.targets import host

        rows = {answer.row.name: answer for answer in ask_all(host())}
        answers = {name: answer.capabilities for name, answer in rows.items()}
        able = {name: told.exact for name, told in answers.items() if told is not None and told.available}
        exact = {name: options for name, options in able.items() if options is not None}
        if not exact:
            raise BackendUnavailable(
                "no installed backend can judge others: install one that computes every operator as ONNX defines it, "
                "such as zif-reference"
            )
        return cls(exact, {name: _version(rows[name]) for name in exact})

    @classmethod
    def named(cls, name: str, target: str) -> Judge:
        """A backend that others are held against, whatever it computes in, such as an older version of another.

        Raises BackendNotFound, and BackendUnavailable where it cannot run.
        """
        from zif.backends import registry
        from zif.backends.survey import ask_all
        from zif.targets import target as find

        registry.backend(name)
        (answer,) = ask_all(find(target), [row for row in registry.installed() if row.name == name])
        if not answer.available:
            raise BackendUnavailable(f"{name} cannot judge: {answer.reason}")
        return cls({name: {}}, {name: _version(answer)}, target)

    def session(self, model: Model) -> Session:
        """A session on a model that only those who judge take part in. Raises ZifError subclasses."""
        from zif.planning.plan import Request
        from zif.planning.planner import Planner
        from zif.runtime.build import Builder
        from zif.targets import target as find

        chip = find(self.target)
        request = Request(target=chip.name, only=tuple(self.options), config=dict(self.options), emulate=chip.is_host)
        return Builder(Planner.of(model, chip, request)).session()


def _version(answer: Answer) -> str:
    engine = answer.capabilities.toolchain if answer.capabilities else ""
    return f"{answer.row.distribution} {answer.row.version}, {engine}"


def showing(model: Model, names: Sequence[str]) -> Model:
    """The model with these values as further outputs, those that it does not give already."""
    shown = {info.name for info in (*model.outputs, *model.inputs)}
    wanted = [name for name in dict.fromkeys(names) if name not in shown and name in model.producers]
    if not wanted:
        return model
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    declared = {value.name: value for value in proto.graph.value_info}
    for name in wanted:
        proto.graph.output.append(declared.get(name) or onnx.ValueInfoProto(name=name))
    return model.rebuilt(proto)
