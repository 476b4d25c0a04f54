"""What a cash drawer has seen: its acts by kind, what came in, went out, and should be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import Count, Q, Sum
from django_stubs_ext import StrOrPromise

from accounts.models import DrawerCount, DrawerSession, Transfer

_Kind = Transfer.Kind
ACTS: Final[dict[str, StrOrPromise]] = {
    "card_sale": _Kind.CARD_SALE.label,
    "topup_paid": _Kind.TOP_UP_PAID.label,
    "topup_reversed": _Kind.TOP_UP_REVERSED.label,
    "deposit_returned": _Kind.DEPOSIT_RETURNED.label,
    "pass_sold": _Kind.PASS_SOLD.label,
    "pass_refunded": _Kind.PASS_REFUNDED.label,
    "refund_paid": _Kind.REFUND_PAID.label,
    "compensation_paid": _Kind.COMPENSATION_PAID.label,
    "remittance": _Kind.FUNDS_RECEIVED.label,
    "reversal": _Kind.CORRECTION.label,
    "sale_reversed": _Kind.SALE_REVERSED.label,
    "drawer_difference": _Kind.DRAWER_DIFFERENCE.label,
}
"""What each kind of journal that moves counter cash is called."""


@dataclass(frozen=True, slots=True)
class Act:
    """How often one kind of business moved the drawer's cash, and how much it put in and took out (fen)."""

    kind: str
    number: int
    in_fen: int
    out_fen: int


@dataclass(frozen=True, slots=True)
class DrawerReport:
    """Of an open drawer the interim (X) report, of a counted one the closing (Z) report. Fen.

    `count` is the one that stands; what was over or short is in it and is no act.
    """

    session: DrawerSession
    acts: tuple[Act, ...]
    count: DrawerCount | None

    @property
    def in_fen(self) -> int:
        """All that came in."""
        return sum(act.in_fen for act in self.acts)

    @property
    def out_fen(self) -> int:
        """All that went out."""
        return sum(act.out_fen for act in self.acts)

    @property
    def expected_fen(self) -> int:
        """Float + in − out."""
        return self.session.float_fen + self.in_fen - self.out_fen


def drawer_report(session: DrawerSession) -> DrawerReport:
    """Two queries, however much the drawer has seen."""
    found = (
        session.entries.exclude(journal__kind="drawer_difference")
        .values("journal__kind")
        .annotate(
            number=Count("pk"),
            in_fen=Sum("amount_fen", filter=Q(amount_fen__gt=0), default=0),
            out_fen=-Sum("amount_fen", filter=Q(amount_fen__lt=0), default=0),
        )
        .order_by("journal__kind")
    )
    acts = tuple(Act(row["journal__kind"], row["number"], row["in_fen"], row["out_fen"]) for row in found)
    standing = session.counts.exclude(state=DrawerCount.State.REFUSED).first()
    return DrawerReport(session, acts, standing)
