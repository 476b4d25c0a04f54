"""The same content as the same bytes: a workbook and an archive without the moment they were written at."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Final

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip archive can name
_PROPERTIES: Final = "docProps/core.xml"
_MODIFIED: Final = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*(</dcterms:modified>)")


def stable_xlsx(workbook: bytes, *, modified: datetime) -> bytes:
    """`workbook` with `modified` as its only date of change and no times in the archive."""
    stamp = modified.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(io.BytesIO(workbook)) as source:
        files = {name: source.read(name) for name in source.namelist()}
    files[_PROPERTIES] = _MODIFIED.sub(rb"\g<1>" + stamp + rb"\g<2>", files[_PROPERTIES])
    return stable_archive(files)


def stable_archive(files: Mapping[str, bytes]) -> bytes:
    """These files in their order; the same files are the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return target.getvalue()
