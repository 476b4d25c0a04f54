"""Bodies sent compressed (`Content-Encoding: gzip`), inflated no further than they may be long."""

from __future__ import annotations

import zlib
from typing import Final

from terminals.wire.errors import ContentError

GZIP: Final = "gzip"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


def inflate(body: bytes, limit: int) -> bytes:
    """What a gzip body says. ContentError `too_large` before more than `limit` bytes were made of it, `broken` otherwise.

    One member (RFC 1952): what follows its checksum is nobody's.
    """
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        content = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise ContentError("broken", "the body is not gzip") from error
    if len(content) > limit:
        raise ContentError("too_large", f"the body inflates to more than {limit} bytes")
    if not inflater.eof or inflater.unused_data:
        raise ContentError("broken", "the gzip body does not end where it should")
    return content
