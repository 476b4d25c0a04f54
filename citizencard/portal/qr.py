"""A QR code (ISO/IEC 18004) as SVG."""

from __future__ import annotations

from typing import Final

import segno

BYTES_MAX: Final = 152
_VERSION: Final = 8
"""One size for all ride codes, whatever their length: 49 modules, up to BYTES_MAX bytes at error correction M."""


def qr_svg(text: str) -> str:
    """The code as an SVG element, to be put into a page. Raises ValueError for a text that is too long."""
    code = segno.make_qr(text, version=_VERSION, error="m", mode="byte", boost_error=False)
    return str(code.svg_inline(border=4, omitsize=True, light="#fff"))
