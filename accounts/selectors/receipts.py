"""What stands on a receipt, with masks only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from accounts.models import (
    Chart,
    Compensation,
    DrawerEntry,
    Journal,
    LedgerAccount,
    Pass,
    Refund,
    Replacement,
    TopUpOrder,
    Transfer,
)
from accounts.selectors.drawers import ACTS
from citizencard.core.masks import mask_card

WITH_RECEIPT: Final = frozenset(ACTS) - {"remittance", "reversal", "drawer_difference"}
"""Kinds of journals that somebody at the counter gets a receipt for."""

_CARDS: Final[dict[str, Callable[[str], str]]] = {
    "topup_paid": lambda number: TopUpOrder.objects.values_list("card__pan", flat=True).get(number=number),
    "refund_paid": lambda number: Refund.objects.values_list("card__pan", flat=True).get(number=number),
    "pass_sold": lambda number: Pass.objects.values_list("card__pan", flat=True).get(number=number),
    "compensation_paid": lambda key: Compensation.objects.values_list("card__pan", flat=True).get(key=key),
}
_CARDS["topup_reversed"], _CARDS["pass_refunded"] = _CARDS["topup_paid"], _CARDS["pass_sold"]
"""The card number behind a journal's source document; of the other kinds the document is the card."""


@dataclass(frozen=True, slots=True)
class ReceiptWords:
    """`lines`: what, and how much of it went into the drawer (fen; negative: was paid out). `document` is empty for cards."""

    card: str
    document: str
    lines: tuple[tuple[StrOrPromise, int], ...]

    @property
    def total_fen(self) -> int:
        """Positive: received from the holder."""
        return sum(fen for _what, fen in self.lines)


def receipt_words(entry: DrawerEntry) -> ReceiptWords:
    """What was paid for by one cash act."""
    journal = entry.journal
    find = _CARDS.get(journal.kind)
    pan = journal.source if find is None else find(journal.source)
    document = "" if find is None else journal.source
    return ReceiptWords(mask_card(pan), document, tuple(_lines(journal, pan)))


def _lines(journal: Journal, pan: str) -> list[tuple[StrOrPromise, int]]:
    cash = LedgerAccount.objects.get(code=Chart.COUNTER_CASH).pk
    moved = Transfer.objects.filter(
        Q(debit_id=cash) | Q(credit_id=cash), business_date=journal.business_date, journal_id=journal.pk
    ).order_by("id")
    return [
        (_name(transfer, pan), transfer.amount_fen * (1 if transfer.debit_id == cash else -1))
        for transfer in moved
    ]


def _name(transfer: Transfer, pan: str) -> StrOrPromise:
    if transfer.kind == Transfer.Kind.CARD_SALE and Replacement.objects.filter(new__pan=pan).exists():
        return _("fee for replacing a card")
    return Transfer.Kind(transfer.kind).label
