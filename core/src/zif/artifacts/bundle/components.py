"""What is inside a bundle, as a CycloneDX document: its files with their hashes, and what made them with its version.

Equal bundles give equal documents: nothing in them is drawn at random or taken from a clock. The package
cyclonedx-python-lib writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from zif.artifacts.bundle.read import Bundle
from zif.errors import UsageError
from zif.files.installing import to_install


def cyclonedx(bundle: Bundle) -> str:
    """The document, as JSON of CycloneDX 1.6. Raises UsageError without the package."""
    try:
        from cyclonedx.model.bom import Bom, BomMetaData
        from cyclonedx.model.component import Component, ComponentType
        from cyclonedx.output.json import JsonV1Dot6
    except ImportError as error:
        raise UsageError(f"a list of components needs cyclonedx-python-lib: {to_install('zif[sbom]')}") from error
    whole = Component(name=bundle.folder.name, type=ComponentType.MACHINE_LEARNING_MODEL, bom_ref="bundle")
    since = datetime(1970, 1, 1, tzinfo=UTC)  # a bundle has no date, and the format wants one
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, "".join(sorted(file.sha256 for file in bundle.files.values()))),
        metadata=BomMetaData(component=whole, timestamp=since),
        components=[*_files(bundle), *_makers(bundle)],
    )
    bom.register_dependency(whole, list(bom.components))
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _files(bundle: Bundle) -> Iterator[Any]:
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType

    for name, content in sorted(bundle.files.items()):
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=content.sha256)]
        size = [Property(name="zif:bytes", value=str(content.bytes))]
        yield Component(name=name, type=ComponentType.FILE, bom_ref=f"file:{name}", hashes=hashes, properties=size)


def _makers(bundle: Bundle) -> Iterator[Any]:
    """zif, and every backend's distribution with the engine that it used."""
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType

    kind = ComponentType.LIBRARY
    yield Component(name="zif", version=str(bundle.versions.get("zif", "")), type=kind, bom_ref="zif")
    for name, told in sorted(dict(bundle.versions.get("backends", {})).items()):
        engine = [Property(name="zif:toolchain", value=str(told.get("toolchain", "")))]
        version, package = str(told.get("version", "")), str(told.get("distribution", name))
        yield Component(name=package, version=version, type=kind, bom_ref=f"backend:{name}", properties=engine)


__all__ = ["cyclonedx"]
