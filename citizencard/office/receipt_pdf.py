"""A receipt as PDF on an 80 mm slip; Chinese, in the font that every PDF reader has for it."""

from __future__ import annotations

import io
from typing import Final

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from accounts.selectors.receipts import ReceiptWords, receipt_words
from accounts.services.receipts import Printed
from citizencard.core.calendar import shanghai
from citizencard.core.capitals import capital_yuan
from citizencard.core.money import format_yuan

_FONT: Final = "STSong-Light"
_WIDTH: Final = 80 * mm
_MARGIN: Final = 6 * mm
_LINE: Final = 5.5 * mm
_LANGUAGE: Final = "zh-hans"
"""Vouchers are Chinese, whatever language the clerk's screen has."""


def receipt_pdf(printed: Printed) -> bytes:
    """The slip; a copy says so. The same receipt gives the same bytes."""
    with translation.override(_LANGUAGE):
        return _draw(printed, receipt_words(printed.receipt.entry))


def _draw(printed: Printed, words: ReceiptWords) -> bytes:
    rows = _rows(printed, words)
    height = (len(rows) + 4) * _LINE + 2 * _MARGIN
    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    content = io.BytesIO()
    canvas = Canvas(content, pagesize=(_WIDTH, height), invariant=1)
    title = _("Receipt") if words.total_fen > 0 else _("Payment voucher")
    canvas.setTitle(f"{title} {printed.receipt}")
    y = height - _MARGIN - _LINE / 2
    canvas.setFont(_FONT, 15)
    mark = pgettext("receipt", "copy")
    canvas.drawCentredString(_WIDTH / 2, y, f"{title}（{mark}）" if printed.is_copy else title)
    canvas.setFont(_FONT, 9)
    for name, value in rows:
        y -= _LINE
        if not name:
            canvas.line(_MARGIN, y + _LINE / 3, _WIDTH - _MARGIN, y + _LINE / 3)
        canvas.drawString(_MARGIN, y, name)
        canvas.drawRightString(_WIDTH - _MARGIN, y, value)
    canvas.save()
    return content.getvalue()


def _rows(printed: Printed, words: ReceiptWords) -> list[tuple[str, str]]:
    receipt, total_fen = printed.receipt, abs(words.total_fen)
    entry = receipt.entry
    return [
        (_("number"), str(receipt)),
        (_("service hall"), receipt.hall.name),
        (_("clerk"), entry.session.clerk),
        (_("time"), f"{shanghai(entry.journal.posted_at):%Y-%m-%d %H:%M:%S}"),
        (_("card number"), words.card),
        *([(_("source document"), words.document)] if words.document else []),
        ("", ""),
        *[(str(what), format_yuan(abs(fen))) for what, fen in words.lines],
        ("", ""),
        (_("received (yuan)") if words.total_fen > 0 else _("paid out (yuan)"), format_yuan(total_fen)),
        (_("in capitals"), capital_yuan(total_fen)),
    ]
