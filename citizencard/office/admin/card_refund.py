"""The counter takes a card back: its chip is read, the formula shown, the refund asked for.

A card whose chip was read lies on the reader until the refund is asked for, and is read once more then: nothing of a
reading is kept in the browser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.translation import gettext
from unfold.admin import ModelAdmin

from accounts.errors import CardTampered
from accounts.models import Card, Refund
from accounts.selectors.chip_evidence import ChipReading
from accounts.selectors.refund_quote import RefundQuote, quote_refund
from citizencard.bridge.browser import workstation_here
from citizencard.bridge.desk import card_here
from citizencard.bridge.errors import NoWorkstation
from citizencard.core.calendar import shanghai
from citizencard.core.errors import CitizenCardError
from citizencard.office.admin.refund_tables import quote_tables, reading_table
from citizencard.office.forms import RefundForm
from citizencard.office.reasons import Facts, ask, tell
from citizencard.office.tables import at, link, yuan
from terminals.services.refunds import quote_with_chip, read_chip, request_card_refund

PURPOSE: Final = "refund card"
"""In the audit trail and on the workstation's console."""


@dataclass(frozen=True, slots=True)
class ChipPanel:
    """What the page says of the chip: the figures, what they mean, what went wrong; whether there is a `reader` here."""

    facts: Facts
    words: str
    fault: str
    reader: bool


def refund_page(request: HttpRequest, model_admin: ModelAdmin, card: Card) -> HttpResponse:
    """GET: the quote by the books alone. POST `read`: the quote with the chip. Any other POST asks for the refund."""
    sent = request.POST if request.method == "POST" else QueryDict()
    may_read = request.user.has_perm("bridge.use_reader")
    only_read, was_read = "read" in sent, sent.get("chip") == "True"
    reading, fault = None, ""
    if only_read or was_read:
        if not may_read:
            raise PermissionDenied
        try:
            reading = _read(request, card)
        except CitizenCardError as error:
            fault = str(error)
    quote = _quote(request, card, reading)
    title, tables = gettext("Request refund"), quote_tables(quote)
    if reading is not None and quote.evidence.tampered:
        tables = [reading_table(reading), *tables]
        return tell(request, model_admin, card, title=title, refusal=CardTampered(), tables=tables)

    def form(data: QueryDict | None) -> RefundForm:
        if data is not None and not only_read and not fault:
            return RefundForm(data)
        kept = {name: sent.get(name, "") for name in ("reason", "payee")}
        # A reading that fails the second time must not become a refund without one.
        return RefundForm(initial=kept | {"chip": was_read or reading is not None})

    def act(given: dict[str, Any]) -> Facts:
        refund = request_card_refund(
            card=card,
            actor=request.user.get_username(),
            reason=given["reason"],
            occurred_at=timezone.now(),
            chip=reading,
            payee=given["payee"],
        )
        return _outcome(refund)

    panel = ChipPanel(_figures(reading), _words(card, quote, reading), fault, _has_reader(request, may_read))
    return ask(
        request, model_admin, card, title=title, form=form, act=act, tables=tables,
        template="office/refund.html", chip=panel, may_read=may_read,
    )  # fmt: skip


def _read(request: HttpRequest, card: Card) -> ChipReading:
    with card_here(request, purpose=PURPOSE) as transport:
        actor = request.user.get_username()
        return read_chip(card=card, transport=transport, actor=actor, when=timezone.now())


def _quote(request: HttpRequest, card: Card, reading: ChipReading | None) -> RefundQuote:
    now = timezone.now()
    if reading is None:
        return quote_refund(card=card, on=shanghai(now).date())
    return quote_with_chip(card=card, chip=reading, actor=request.user.get_username(), occurred_at=now)


def _has_reader(request: HttpRequest, may_read: bool) -> bool:
    if not may_read:
        return False
    try:
        workstation_here(request)
    except NoWorkstation:
        return False
    return True


def _figures(reading: ChipReading | None) -> Facts:
    if reading is None:
        return []
    return [
        (gettext("chip balance"), yuan(reading.balance_fen)),
        (gettext("offline ATC"), str(reading.offline_atc)),
        (gettext("read at"), at(reading.read_at)),
    ]


def _words(card: Card, quote: RefundQuote, reading: ChipReading | None) -> str:
    """What the reading means, or what reading is good for."""
    if reading is None and card.citizen_id is None:
        return gettext("An anonymous card is refunded against the card itself: lay it on the reader.")
    if reading is None:
        return gettext("With the card on the reader nobody has to wait for late taps.")
    if quote.evidence.matched:
        return gettext("The chip agrees with the books.")
    return gettext("The books do not know yet all that the chip has done. The refund waits for it.")


def _outcome(refund: Refund) -> Facts:
    facts = [
        (gettext("refund number"), link(refund)),
        (gettext("state"), refund.get_state_display()),
        (gettext("due on"), str(refund.due_on or "–")),
        (gettext("promised by"), str(refund.promised_by or "–")),
    ]
    return (
        [*facts, (gettext("reason"), str(CardTampered()))] if refund.state == Refund.State.REFUSED else facts
    )
