"""Refunds where cards meet machines: the chip on the reader is read, the hot list carries the card while its refund waits."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction

from accounts import locks
from accounts.models import Card, CardFlag, Notice, Refund
from accounts.selectors.chip_evidence import ChipReading
from accounts.selectors.refund_quote import RefundQuote, quote_refund
from accounts.services import refunds
from accounts.services.incidents import flag_tampered
from accounts.services.notices import notify
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.masks import mask_card
from terminals.card.purse import PurseSession
from terminals.card.transport import Transport
from terminals.errors import SelfListing
from terminals.models import HotListEntry
from terminals.services.identity import prove_card
from terminals.services.publishing.hot_list import publish_soon

REASON = "refund"
"""Why a card whose refund waits is on the hot list, and why a card is asked to prove itself."""
_NO_TERMINAL: Final = bytes(6)
"""A purchase that is not made names no terminal."""


def read_chip(*, card: Card, transport: Transport, actor: str, when: datetime) -> ChipReading:
    """Balance and offline counter of the card on the reader, which first proves that it is the card; it is left as it was.

    INITIALIZE FOR PURCHASE over nothing answers both, and a reset forgets it (JR/T 0025.2). The figures themselves carry
    no MAC: they decide nothing that the ledger does not say, too. Raises IdentityRefused, WrongCardOnReader,
    KeyServiceUnavailable, CardError, TransportError.
    """
    prove_card(card=card, transport=transport, asked_by=actor, purpose=REASON)
    purse = PurseSession(transport)
    purse.select()
    init = purse.init_purchase(0, _NO_TERMINAL)
    transport.reset()
    return ChipReading(init.funds_fen, init.offline_atc, when)


@transaction.atomic
def quote_with_chip(*, card: Card, chip: ChipReading, actor: str, occurred_at: datetime) -> RefundQuote:
    """The quote of today for a card on the reader.

    One that shows what the books cannot explain is flagged at once, as its holder may take it away again.
    """
    card = locks.lock_card(card.pk)
    locks.lock_purses(card.pk)
    quote = quote_refund(card=card, on=shanghai(occurred_at).date(), chip=chip)
    if quote.evidence.tampered:
        flag_tampered(card=card, evidence=quote.evidence.tampered, actor=actor, occurred_at=occurred_at)
    return quote


@transaction.atomic
def request_card_refund(
    *,
    card: Card,
    actor: str,
    reason: str,
    occurred_at: datetime,
    chip: ChipReading | None = None,
    payee: str = "",
) -> Refund:
    """As `accounts.services.refunds.request_refund`; while the refund waits, purchases go to suspense."""
    refund = refunds.request_refund(
        card=card, actor=actor, reason=reason, occurred_at=occurred_at, chip=chip, payee=payee
    )
    if refund.state in Refund.BLOCKING:
        _list(card, HotListEntry.Cause.REFUND, REASON, occurred_at, actor)
    return refund


@transaction.atomic
def withdraw_card_refund(*, refund: Refund, actor: str, reason: str, occurred_at: datetime) -> Refund:
    """As `accounts.services.refunds.withdraw_refund`; the card may pay again."""
    ended = refunds.withdraw_refund(refund=refund, actor=actor, reason=reason, occurred_at=occurred_at)
    _unlist(ended, occurred_at)
    return ended


@transaction.atomic
def refuse_card_refund(*, refund: Refund, actor: str, reason: str, occurred_at: datetime) -> Refund:
    """As `accounts.services.refunds.refuse_refund`; the card may pay again."""
    ended = refunds.refuse_refund(refund=refund, actor=actor, reason=reason, occurred_at=occurred_at)
    _unlist(ended, occurred_at)
    return ended


@transaction.atomic
def hot_list_flagged(*, flag: CardFlag, actor: str, occurred_at: datetime) -> HotListEntry:
    """A second person has decided that a flagged card is not to be accepted; the entry that stands if there is one.

    The holder is told, and may object (:mod:`.appeals`). Audited. Raises SelfListing.
    """
    if flag.raised_by == actor:
        raise SelfListing
    is_new = not HotListEntry.objects.filter(pan=flag.card.pan, removed_at=None).exists()
    entry = _list(flag.card, HotListEntry.Cause.SUSPICION, flag.kind, occurred_at, actor)
    if is_new and flag.card.citizen_id is not None:
        notify(flag.card.citizen_id, Notice.Code.HOT_LISTED, card=mask_card(flag.card.pan))
    detail = {"version": entry.version}
    record_audit(actor=actor, action="hot_list_flagged", subject=f"card {flag.card.pan}", detail=detail)
    return entry


def _list(
    card: Card, cause: HotListEntry.Cause, reason: str, occurred_at: datetime, actor: str
) -> HotListEntry:
    entry, _ = HotListEntry.objects.get_or_create(
        pan=card.pan,
        removed_at=None,
        defaults={"cause": cause, "reason": reason, "effective_at": occurred_at, "listed_by": actor},
    )
    publish_soon()
    return entry


def _unlist(refund: Refund, occurred_at: datetime) -> None:
    """Take back our own entry only: a loss or a flag outlives the refund."""
    HotListEntry.objects.filter(pan=refund.card.pan, removed_at=None, cause=HotListEntry.Cause.REFUND).update(
        removed_at=occurred_at
    )
    publish_soon()
