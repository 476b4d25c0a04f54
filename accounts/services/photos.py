"""Photographs of holders: whatever is uploaded is drawn anew from its pixels, so that nothing else of the file is kept."""

from __future__ import annotations

import io
from typing import Final

from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps, UnidentifiedImageError

from accounts.errors import PhotoRefused

BYTES_MAX: Final = 5_000_000
PIXELS_MAX: Final = 40_000_000
"""More than any camera at a counter takes: what claims more is meant to fill the memory."""
SIZE: Final = (358, 441)
"""Pixels of the portrait on an identity card, 26 by 32 mm at 350 dpi (GA 461)."""
_QUALITY: Final = 88


def portrait(content: bytes) -> bytes:
    """A JPEG of SIZE from a JPEG or PNG, upright, cropped to the middle, without any metadata. Raises PhotoRefused."""
    if len(content) > BYTES_MAX:
        raise PhotoRefused(reason=_("the file is larger than 5 MB"))
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as picture:
            _check(picture)
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise PhotoRefused(reason=_("it is no whole JPEG or PNG picture")) from error
    # Onto a new sheet: comments and profiles of the file would be written along with its own.
    sheet, drawn = Image.new("RGB", SIZE), io.BytesIO()
    sheet.paste(ImageOps.fit(upright, SIZE))
    sheet.save(drawn, "JPEG", quality=_QUALITY)
    return drawn.getvalue()


def _check(picture: Image.Image) -> None:
    """By the file's own heading, before a pixel is unpacked."""
    if picture.width * picture.height > PIXELS_MAX:
        raise PhotoRefused(reason=_("it has more than 40 million pixels"))
    if picture.width < SIZE[0] or picture.height < SIZE[1]:
        raise PhotoRefused(reason=_("it has fewer than 358 × 441 pixels"))
