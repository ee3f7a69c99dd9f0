"""What an exporter is: an entry point of the group `zif.exporters` whose name is the word behind `zif export --for`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import Factory, field, frozen

from zif.model.arguments import Progress
from zif.records import NoOptions

if TYPE_CHECKING:
    from zif.artifacts.bundle import Bundle
    from zif.model import Model
    from zif.model.arguments import Source
    from zif.planning import Plan
    from zif.records import Compiled
    from zif.runtime.export.onnx_form import OnnxForm
    from zif.runtime.session import Session
    from zif.runtime.verification.bench import Sample


@frozen
class Exported:
    """What an exporter gives; core writes it, all or nothing.

    files: content, or the path of an existing file, by relative name with slashes. An exporter to one file gives that
    one under the name of `Export.output`; the others go beside it. notes: sentences for who exported. facts: more for
    the JSON document, of what JSON has. programs: the names of files that may be executed.
    """

    files: Mapping[str, bytes | Path]
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = Factory(dict)
    programs: frozenset[str] = frozenset()


@frozen
class Exporter:
    """A way out.

    help: one line on what is written and who takes it. write: makes the files, from what is exported and an instance of
    `options`; raises ZifError subclasses. options: an attrs class of text, numbers, Literals, true or false, each with
    metadata {"help": ...}; a field `max_size` is `--max-size VALUE` on the command line, one of true or false is
    `--max-size` or `--no-max-size`. also: forms of the segments that backends have to put beside their artifacts, as
    `zif compile --also` names them. folder: whether `output` is a folder; else it is a file. needs: "bundle" for what
    is built (a model is compiled first), "model" for the model alone, of which nothing is compiled.
    """

    help: str
    write: Callable[[Export, Any], Exported]
    options: type[Any] = NoOptions
    also: tuple[str, ...] = ()
    folder: bool = False
    needs: str = field(default="bundle")

    @needs.validator
    def _known(self, _: Any, value: str) -> None:
        if value not in ("bundle", "model"):
            raise ValueError(f"an exporter needs a bundle or a model, not {value!r}")


@frozen(eq=False)
class Export:
    """What is exported, and where to. `output` is where the files will lie; core writes them there.

    source: what was named: a path (of a bundle's folder, too), bytes or a ModelProto. name: what the model is called.
    bundle: what was built, open; None for an exporter that needs the model alone. target: the chip among the bundle's
    whose plan is exported, as the bundle calls it. scratch: a folder of the exporter's own for as long as it works, and
    until its files are written. samples: real inputs that were given, by input name.
    """

    source: Source
    name: str
    output: Path
    bundle: Bundle | None
    target: str
    scratch: Path
    samples: Sequence[Sample] = ()
    custom_ops: tuple[Path, ...] = ()
    progress: Progress | None = None
    _model: Callable[[], Model] | None = field(default=None, repr=False)

    @property
    def whole(self) -> Bundle:
        """The bundle. Only for exporters that need one."""
        assert self.bundle is not None, "this exporter asked for a model alone"
        return self.bundle

    @cached_property
    def model(self) -> Model | None:
        """The model, with the shapes that were fixed; None where a bundle was named, which holds none."""
        return self._model() if self._model is not None else None

    @cached_property
    def plan(self) -> Plan:
        """The plan for `target`. Raises InvalidBundle."""
        from zif.runtime.from_bundle import plan_of

        return plan_of(self.whole, self.target)

    def compiled(self, segment: int) -> Compiled:
        """A segment's artifact, by the segment's number, with what was asked for in `also`. Raises InvalidBundle."""
        return self.whole.load_compiled(segment, self.target)

    def onnx(self, segment: int) -> OnnxForm | None:
        """A segment as an ONNX graph; None where its artifact has no such form. Raises ZifError subclasses."""
        from zif.runtime.export.onnx_form import as_onnx

        return as_onnx(self.compiled(segment))

    def constants(self) -> dict[str, Any]:
        """The outputs that are known without running, as arrays by name. Raises InvalidBundle."""
        from zif.runtime.from_bundle import constants_of

        return constants_of(self.whole, self.plan.outputs)

    def session(self) -> Session:
        """A session on what is exported, for expected outputs; close it. Raises what `zif.load` raises."""
        from zif.runtime.from_bundle import load_bundle

        return load_bundle(self.whole.folder, self.target, custom_ops=self.custom_ops)
