"""The verb: a source of another framework as ONNX, kept by content, held against its source, with a report."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from attrs import evolve, field, frozen

from zif.artifacts.cache import Cache, Key
from zif.errors import InvalidModel, StageFailed, Unsupported, UsageError, WrongResult
from zif.files.documents import json_of
from zif.files.limits import TEXT
from zif.files.opening import open_plain, read_bytes
from zif.files.paths import relative
from zif.files.records import record
from zif.files.wording import json_text
from zif.files.writing import write_whole
from zif.model.subgraphs import all_graphs
from zif.records import Compiled, Installed, TensorInfo
from zif.runtime.frontends.common import asked_for, label_of
from zif.runtime.frontends.contract import Imported, Named, Origin, Recognized, Request
from zif.runtime.frontends.judging import judged, loaded
from zif.runtime.frontends.process import Asked, asking
from zif.runtime.frontends.report import Conversion, Port, Report, SourceCheck
from zif.runtime.frontends.sources import find

if TYPE_CHECKING:
    from zif.model.arguments import Progress

REPORT = "zif-report.json"
_CHUNK = 1 << 20


@frozen
class Converting:
    """A source on its way to ONNX. compare: hold it against its source; what proves wrong is a WrongResult."""

    origin: Origin
    request: Request = field(factory=Request)
    frontend: str = ""
    compare: bool = True
    simplify: bool = False
    told: Progress = lambda _: None

    def into(self, folder: Path, cache: Cache | None) -> Conversion:
        """The converted model, in `folder`, or in the cache where it is kept. Raises ZifError subclasses."""
        self.told(f"looking at {self.label}")
        row, recognized, troubles = find(self.origin, self.frontend)
        self._check(recognized)
        made = self._with_newest()._kept(row, recognized, folder, cache)
        return evolve(made, report=evolve(made.report, notes=(*made.report.notes, *troubles)))

    def _with_newest(self) -> Converting:
        """Where no opset is asked for, the newest that every installed backend takes is."""
        if self.request.opset:
            return self
        from zif.runtime.frontends.opsets import newest_taken

        return evolve(self, request=evolve(self.request, newest=newest_taken()))

    def _kept(self, row: Installed, recognized: Recognized, folder: Path, cache: Cache | None) -> Conversion:
        if cache is None or not recognized.files:
            return _opened(self._made(row, recognized, folder), folder)
        fresh: list[Compiled] = []

        def make() -> Compiled:
            fresh.append(self._made(row, recognized, folder))
            return fresh[0]

        kept = cache.kept(self._key(row, recognized), self.label, {}, make, self.told)
        return evolve(_opened(kept, folder), cached=not fresh).of(self.label)

    @property
    def label(self) -> str:
        """The source as messages name it."""
        return label_of(self.origin)

    def _check(self, recognized: Recognized) -> None:
        if recognized.problem:
            raise InvalidModel(f"{self.label} is {recognized.what}: {recognized.problem}")
        if recognized.runs and not self.request.trust:
            command = f"`zif convert {self.label} --trust -o model.onnx` does it."
            call = "`zif.convert(model, 'model.onnx', trust=True)` does it."
            raise UsageError(
                f"{self.label} is {recognized.what}: converting it runs {recognized.runs}. If you trust where it is "
                f"from, {asked_for(self.origin, command, call)}"
            )

    def _key(self, row: Installed, recognized: Recognized) -> Key:
        asked = {**attrs.asdict(self.request), "compare": self.compare, "simplify": self.simplify, "name": self._stem}
        content = _digest([Path(file) for file in recognized.files])
        return Key(content, f"frontend {row.name}", row.version, recognized.toolchain, "", asked)

    def _made(self, row: Installed, recognized: Recognized, folder: Path) -> Compiled:
        with asking(row, self.origin) as frontend:
            self.told(f"converting {self.label} with {row.name}")
            made = self._exported(frontend, folder)
            path = self._named(folder, made)
            if self.simplify:
                self.told("simplifying")
                _simplify(path)
            check = self._judged(frontend, recognized, made, path)
        report = self._report(row, recognized, made, path, check)
        if check.wrong:
            way = asked_for(self.origin, "--no-compare", "compare=False")
            raise WrongResult(
                f"{self.label} as ONNX is not what it was: {check.wrong}. Nothing was written; {way} writes it."
            )
        write_whole(folder / REPORT, json_text(report.to_json()))
        files: Mapping[str, bytes | Path] = {
            file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()
        }
        return Compiled("onnx", files, path.name, (), ())

    def _exported(self, frontend: Asked, folder: Path) -> Imported:
        try:
            return frontend.convert(self.origin, self.request, folder)
        except Unsupported as error:  # of a backend that is its limit; here it is the source that cannot come in
            raise InvalidModel(str(error)) from error

    def _named(self, folder: Path, made: Imported) -> Path:
        """The model under its source's name, which is the model's name from then on."""
        path = folder / f"{self._stem}.onnx"
        try:
            relative(made.model, StageFailed)
            (folder / made.model).rename(path)
        except OSError as error:
            raise StageFailed(f"a frontend said that it wrote {made.model!r}: {error.strerror}") from error
        return path

    @property
    def _stem(self) -> str:
        if isinstance(self.origin, Path):
            return self.origin.stem or "model"
        return self.origin.name.rpartition(".")[2] if isinstance(self.origin, Named) else type(self.origin).__name__

    def _judged(self, frontend: Asked, recognized: Recognized, made: Imported, path: Path) -> SourceCheck:
        if not self.compare:
            return SourceCheck(skipped="not asked for")
        self.told(f"comparing {self.label} with its source")
        return judged(frontend, self.origin, recognized, self.request, made, path)

    def _report(self, row: Installed, recognized: Recognized, made: Imported, path: Path, check: SourceCheck) -> Report:
        model = loaded(made, path)
        return Report(
            source=self.label,
            what=recognized.what,
            frontend=f"{row.distribution} {row.version}",
            toolchain=recognized.toolchain,
            tool=made.tool,
            opset_asked=self.request.opset,
            opset=made.opset,
            operators=dict(Counter(node.op_type for graph in all_graphs(model.proto.graph) for node in graph.node)),
            inputs=_ports(model.inputs, made.inputs),
            outputs=_ports(model.outputs, made.outputs),
            layout=made.layout,
            notes=made.notes,
            check=check,
        )


def _ports(infos: tuple[TensorInfo, ...], names: Mapping[str, str]) -> tuple[Port, ...]:
    sources = {onnx: source for source, onnx in names.items()}
    return tuple(Port(sources.get(i.name, i.name), i.name, i.type, i.shape) for i in infos)


def _opened(made: Compiled, folder: Path) -> Conversion:
    content = made.files[REPORT]
    data = content if isinstance(content, bytes) else read_bytes(content, TEXT, StageFailed)
    report = record(Report, json_of(data, REPORT, StageFailed), REPORT, StageFailed)
    model = made.files[made.main]
    return Conversion(model if isinstance(model, Path) else folder / made.main, report)


def _digest(paths: list[Path]) -> str:
    """sha256 over the content of files and of everything in folders, with names inside them."""
    total = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if path.is_dir() and not file.is_file():
                continue
            total.update(f"{file.relative_to(path).as_posix()}\0".encode())
            with open_plain(file, InvalidModel) as stream:
                while chunk := stream.read(_CHUNK):
                    total.update(chunk)
    return total.hexdigest()


def _simplify(path: Path) -> None:
    """By onnxslim. Raises UsageError that says what to install."""
    try:
        import onnxslim
    except ImportError as error:
        from zif.files.installing import to_install

        raise UsageError(f"--simplify needs onnxslim: {to_install('zif[simplify]')}") from error
    onnxslim.slim(str(path), str(path))
