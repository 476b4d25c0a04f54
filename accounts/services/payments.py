"""Payments from the account purse, online: by QR code, in the portal. Each in one round trip to the database.

In that call the database locks the purse, finds a payment made before under the same key, judges card and limits, writes
the payment and posts its journal; floor and account states are the ledger's. A payment's journal is corrected by a refund
and has no reversal.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from accounts import locks
from accounts.errors import CardNotActive, NoAccountPurse, PassNotRefundable, PaymentOverRefunded
from accounts.models import Card, Chart, DisputedCharge, Payment, PaymentRefund, Purse
from accounts.selectors.disputed import disputed_fen
from accounts.services import limits, postings
from accounts.services.ledger import call_ledger, post_journal
from citizencard.core.calendar import shanghai
from citizencard.core.errors import Conflict

_PAY: Final = """
SELECT payment_id, is_new, card_state, refusal
FROM accounts_pay(%s, %s, %s, %s, %s, %s::smallint, %s, %s, %s, %s, %s, %s)
"""


def account_purse(card: Card) -> Purse:
    """The card's account purse. Raises NoAccountPurse when its product has none."""
    purse = Purse.objects.filter(card=card, kind=Purse.Kind.ACCOUNT).first()
    if purse is None:
        raise NoAccountPurse(product=card.product_id)
    return purse


def pay(
    *,
    purse: Purse,
    payee: int,
    amount_fen: int,
    key: str,
    channel: str,
    actor: str,
    occurred_at: datetime,
    place: str = "",
) -> Payment:
    """Pay `payee` (id of a ledger account) from an account purse, once per `key`: a repeat returns the first payment.

    The time of a repeat does not matter, so a form sent twice is one payment. Raises NoAccountPurse, CardNotActive,
    AmountOutOfRange, LimitExceeded, Conflict (key used for something else), and what `post_journal` raises, such as
    PurseFloorReached and AccountNotOpen; then nothing has happened.
    """
    require_account_purse(purse)
    limits.check_amount(purse=purse, amount_fen=amount_fen)
    payment = Payment(
        key=key,
        purse=purse,
        payee_id=payee,
        amount_fen=amount_fen,
        channel=channel,
        place=place,
        counted_on=shanghai(occurred_at).date(),
        actor=actor,
        occurred_at=occurred_at,
    )
    return post_payment(payment)


def post_payment(payment: Payment) -> Payment:
    """Write and post a payment that has no row yet, as `pay` does; one from a hold is not judged again."""
    (leg,) = postings.payment_made(
        purse_id=payment.purse.account_id,
        payee_id=payment.payee_id,
        amount_fen=payment.amount_fen,
        payment_id=0,  # the database gives the number
        occurred_at=payment.occurred_at,
    )
    values = (
        payment.key,
        payment.purse_id,
        leg.debit_id,
        leg.credit_id,
        leg.amount_fen,
        leg.kind,
        payment.channel,
        payment.place,
        payment.actor,
        payment.occurred_at,
        payment.counted_on,
        payment.hold_id,
    )
    payment_id, is_new, card_state, refusal = call_ledger(_PAY, values)
    if refusal is not None:
        raise limits.exceeded(refusal, payment.amount_fen)
    if payment_id is None:
        raise CardNotActive(state=Card.State(card_state).label)
    if not is_new:
        return _same_again(Payment.objects.get(pk=payment_id), payment)
    payment.pk, payment._state.adding = payment_id, False
    return payment


@transaction.atomic
def refund_payment(
    *, payment: Payment, amount_fen: int, key: str, actor: str, reason: str, occurred_at: datetime
) -> PaymentRefund:
    """Give some or all of a payment back into the purse, once per `key`: a repeat returns the first refund.

    What is in dispute, or was given back by one, is not given back again. A lost card's purse takes it, too. A pass is no payment to give back: PassNotRefundable. Raises AmountOutOfRange,
    PaymentOverRefunded, Conflict, PurseCeilingReached, AccountNotOpen.
    """
    if payment.payee.chart == Chart.PASSES_SOLD:
        # Its worth is what is unused of it, and that never goes into a purse.
        raise PassNotRefundable(reason=_("it is given back as a pass, not as a payment"), legal_basis="")
    purse = locks.lock_purse(payment.purse.card_id, payment.purse.kind)
    limits.check_amount(purse=purse, amount_fen=amount_fen)
    if (found := PaymentRefund.objects.filter(key=key).first()) is not None:
        if (found.payment_id, found.amount_fen) != (payment.pk, amount_fen):
            raise Conflict(what=f"refund {key}")
        return found
    refunded_fen = payment.refunds.aggregate(total=Sum("amount_fen"))["total"] or 0
    left_fen = payment.amount_fen - disputed_fen(DisputedCharge.What.PAYMENT, payment.pk)
    if refunded_fen + amount_fen > left_fen:
        raise PaymentOverRefunded(paid_fen=left_fen)
    refund = PaymentRefund.objects.create(
        payment=payment,
        key=key,
        amount_fen=amount_fen,
        actor=actor,
        reason=reason,
        occurred_at=occurred_at,
    )
    legs = postings.payment_refunded(
        purse_id=purse.account_id,
        payee_id=payment.payee_id,
        amount_fen=amount_fen,
        refund_id=refund.pk,
        occurred_at=occurred_at,
    )
    post_journal(
        key=f"payment-refund:{key}",
        kind="payment_refund",
        actor=actor,
        source=payment.key,
        legs=legs,
        reason=reason,
    )
    return refund


def require_account_purse(purse: Purse) -> None:
    """Raise NoAccountPurse for a purse on a chip: only the chip itself pays from that."""
    if purse.kind != Purse.Kind.ACCOUNT:
        raise NoAccountPurse(product=purse.card.product_id)


def _same_again(first: Payment, repeat: Payment) -> Payment:
    facts = ("purse_id", "payee_id", "amount_fen", "channel", "place", "hold_id")
    if any(getattr(first, fact) != getattr(repeat, fact) for fact in facts):
        raise Conflict(what=f"payment {first.key}")
    return first
