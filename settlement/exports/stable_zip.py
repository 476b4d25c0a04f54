"""The same workbook as the same bytes: an XLSX without the moment it was written at."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime
from typing import Final

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip archive can name
_PROPERTIES: Final = "docProps/core.xml"
_MODIFIED: Final = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*(</dcterms:modified>)")


def stable_xlsx(workbook: bytes, *, modified: datetime) -> bytes:
    """`workbook` with `modified` as its only date of change and no times in the archive."""
    stamp = modified.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            content = source.read(name)
            if name == _PROPERTIES:
                content = _MODIFIED.sub(rb"\g<1>" + stamp + rb"\g<2>", content)
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return target.getvalue()
