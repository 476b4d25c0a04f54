"""The page of one cash act's receipt, and the slip itself."""

from __future__ import annotations

from typing import Final

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.models import Card, DrawerEntry, Receipt, RefundPart, TopUpOrder
from accounts.selectors.drawers import ACTS
from accounts.selectors.receipts import WITH_RECEIPT, receipt_words
from accounts.services.receipts import print_receipt
from citizencard.office.receipt_pdf import receipt_pdf
from citizencard.office.tables import Table, at, columns, signed_yuan

LATEST: Final = 50
_KINDS: Final = ("topup-paid", "topup-reversed", "pass-sold", "pass-refunded", "refund-paid")
"""What begins the key of a journal about a document of the card."""


@permission_required("office.use_drawer", raise_exception=True)
def receipt_page(request: HttpRequest, site: AdminSite, pk: int) -> HttpResponse:
    """GET: what the receipt says. POST: the slip as PDF, numbered now, or a copy."""
    entries = DrawerEntry.objects.select_related("session__hall", "journal")
    entry = get_object_or_404(entries, pk=pk, journal__kind__in=WITH_RECEIPT)
    if request.method == "POST":
        printed = print_receipt(entry=entry, actor=request.user.get_username())
        answer = HttpResponse(receipt_pdf(printed), content_type="application/pdf")
        answer["Content-Disposition"] = f'inline; filename="{printed.receipt}.pdf"'
        return answer
    words, known = receipt_words(entry), Receipt.objects.filter(entry=entry).first()
    table = Table(
        _("Receipt"),
        [_("business"), _("amount")],
        [[what, signed_yuan(fen)] for what, fen in words.lines],
        columns(1),
        total=[_("Total"), signed_yuan(words.total_fen)],
        note=" · ".join(filter(None, (words.card, words.document, str(known or _("not printed yet"))))),
    )
    context = {**site.each_context(request), "title": _("Receipt"), "tables": [table], "known": known}
    return TemplateResponse(request, "office/receipt.html", context)


def receipt_link(entry: DrawerEntry | None) -> SafeString | str:
    """To the page of a cash act's receipt, by its number if it was printed; a dash where there is none."""
    if entry is None or entry.journal.kind not in WITH_RECEIPT:
        return "–"
    number = getattr(entry, "receipt", None) or _("Receipt")
    return format_html(
        '<a class="office-link" href="{}">{}</a>', reverse("admin:receipt", args=[entry.pk]), number
    )


def cash_table(card: Card) -> list[Table]:
    """What was paid and paid out for the card at counters, each with its receipt; no table where there was nothing."""
    documents = card.topups.filter(channel=TopUpOrder.Channel.CASH).values_list("number")
    documents = documents.union(
        card.passes.values_list("number"), RefundPart.objects.filter(refund__card=card).values_list("key")
    )
    numbers = [number for (number,) in documents]
    keys = [f"{kind}:{card.pan}" for kind in ("card-sale", "sale-reversed", "deposit-returned")]
    keys += [f"{kind}:{number}" for kind in _KINDS for number in numbers]
    entries = (
        DrawerEntry.objects.filter(journal__key__in=keys)
        .select_related("journal", "session", "receipt__hall")
        .order_by("-pk")[:LATEST]
    )
    rows = [
        [at(each.journal.posted_at), ACTS[each.journal.kind], signed_yuan(each.amount_fen), each.session.clerk,
         receipt_link(each)]
        for each in entries
    ]  # fmt: skip
    headers = [_("time"), _("business"), _("amount"), _("clerk"), _("receipt")]
    return [Table(_("Cash at the counter"), headers, rows, columns(2))] if rows else []
