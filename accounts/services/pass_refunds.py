"""Giving passes back: what is unused by the product's rule, shown line by line before anybody agrees to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import locks
from accounts.errors import PassNotRefundable, QuoteOutdated
from accounts.models import Pass, PassLapse, PassProduct
from accounts.services import postings
from accounts.services.ledger import post_journal
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai

Rule = PassProduct.Refund


@dataclass(frozen=True, slots=True)
class FormulaLine:
    """One term of the sum, in fen, as it is shown: what is taken off is negative."""

    label: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class PassRefundQuote:
    """What giving a pass back on a day comes to: the lines add up to `payable_fen`.

    `lapsed_fen` is what time has taken since it was last booked, `fee_fen` what we keep, by `legal_basis`.
    """

    lines: tuple[FormulaLine, ...]
    lapsed_fen: int
    fee_fen: int
    payable_fen: int
    legal_basis: str


def quote_pass_refund(card_pass: Pass, *, on: date) -> PassRefundQuote:
    """What the holder gets for the pass on a day. Raises PassNotRefundable: by rule, once used, or when it is over.

    Unused rides are worth what they would have paid; without a number of rides, days not begun are unused.
    """
    product = card_pass.product
    if card_pass.state != Pass.State.ACTIVE or card_pass.ends_on < on:
        raise PassNotRefundable(reason=_("it is over"), legal_basis=product.legal_basis)
    if product.refund == Rule.NONE:
        raise PassNotRefundable(reason=_("it was sold so"), legal_basis=product.legal_basis)
    if product.refund == Rule.UNUSED and card_pass.uses.exists():
        raise PassNotRefundable(reason=_("it has been used"), legal_basis=product.legal_basis)
    lapsed_fen = _lapsed_fen(card_pass, on) if product.refund == Rule.PRO_RATA else 0
    left_fen = card_pass.unused_fen - lapsed_fen
    fee_fen = _fee_fen(card_pass, left_fen)
    used_fen = card_pass.price_fen - left_fen
    lines = [FormulaLine(_("price"), card_pass.price_fen)]
    if used_fen:
        lines.append(FormulaLine(_used_label(card_pass, on), -used_fen))
    if fee_fen:
        lines.append(FormulaLine(_("refund fee"), -fee_fen))
    return PassRefundQuote(tuple(lines), lapsed_fen, fee_fen, left_fen - fee_fen, product.legal_basis)


@transaction.atomic
def refund_pass(*, card_pass: Pass, quoted_fen: int, actor: str, reason: str, occurred_at: datetime) -> Pass:
    """Give the pass back, over the amount the holder was quoted, in cash at the counter. Audited.

    Never into a purse. A pass already given back is returned as it is. Raises PassNotRefundable, and QuoteOutdated when
    the pass was used or time went by since the quote.
    """
    card_pass = locks.lock_pass(card_pass.pk)
    if card_pass.state == Pass.State.REFUNDED:
        return card_pass
    today = shanghai(occurred_at).date()
    quote = quote_pass_refund(card_pass, on=today)
    if quote.payable_fen != quoted_fen:
        raise QuoteOutdated(quoted_fen=quoted_fen, payable_fen=quote.payable_fen)
    lapse = (
        PassLapse.objects.create(card_pass=card_pass, until=today, value_fen=quote.lapsed_fen)
        if quote.lapsed_fen
        else None
    )
    card_pass.refund()
    card_pass.refunded_fen = quote.payable_fen + quote.fee_fen
    card_pass.unused_fen = 0
    card_pass.save(update_fields=["state", "refunded_fen", "unused_fen"])
    legs = postings.pass_refunded(
        card_pass=card_pass,
        lapse=lapse,
        payable_fen=quote.payable_fen,
        fee_fen=quote.fee_fen,
        occurred_at=occurred_at,
    )
    if legs:
        post_journal(
            key=f"pass-refunded:{card_pass.number}",
            kind="pass_refunded",
            actor=actor,
            source=card_pass.number,
            legs=legs,
            reason=reason,
        )
    record_audit(
        actor=actor,
        action="pass.refund",
        subject=f"pass:{card_pass.number}",
        detail={"payable_fen": quote.payable_fen, "fee_fen": quote.fee_fen, "reason": reason},
    )
    return card_pass


def paid_back_fen(card_pass: Pass) -> int:
    """What the holder of a pass given back got for it, in fen: the fee was kept."""
    return card_pass.refunded_fen - _fee_fen(card_pass, card_pass.refunded_fen)


def _fee_fen(card_pass: Pass, left_fen: int) -> int:
    return min(card_pass.product.refund_fee_fen, left_fen)


def _lapsed_fen(card_pass: Pass, on: date) -> int:
    """What the days up to and including `on` have taken beyond what was booked of them; rides do not lapse before the end."""
    if card_pass.rides_left is not None:
        return 0
    days, total = _days(card_pass, on)
    booked_fen = card_pass.price_fen - card_pass.unused_fen
    return max(card_pass.price_fen * days // total - booked_fen, 0)


def _days(card_pass: Pass, on: date) -> tuple[int, int]:
    """Days of the pass begun by the end of `on`, and all its days."""
    return (on - card_pass.starts_on).days + 1, (card_pass.ends_on - card_pass.starts_on).days + 1


def _used_label(card_pass: Pass, on: date) -> str:
    rides = card_pass.product.rides
    if rides is not None and card_pass.rides_left is not None:
        return _("%(used)s of %(all)s rides") % {"used": rides - card_pass.rides_left, "all": rides}
    days, total = _days(card_pass, on)
    return _("%(used)s of %(all)s days") % {"used": days, "all": total}
