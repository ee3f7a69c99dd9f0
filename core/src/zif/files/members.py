"""The list of members of a zip archive, by which formats that are archives are told apart."""

from __future__ import annotations

import zipfile
from pathlib import Path

from zif.errors import InvalidModel
from zif.files.opening import open_plain


def zip_members(path: Path) -> list[str]:
    """The names in a zip archive; nothing is unpacked. Raises InvalidModel."""
    try:
        with open_plain(path, InvalidModel) as stream, zipfile.ZipFile(stream) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise InvalidModel(f"{path} is a zip archive that is cut off or damaged ({error}): copy it again") from error
