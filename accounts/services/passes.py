"""Passes are published as products, sold, and used before the purse; what time takes of them is in `pass_lapses`."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from accounts import locks
from accounts.errors import ConcessionUnproven, PassAlreadyRunning, PassNotOnSale
from accounts.models import Card, Chart, LedgerAccount, Pass, PassProduct, PassUse
from accounts.selectors.passes import pass_product
from accounts.services import postings
from accounts.services.ledger import open_account, post_journal
from accounts.services.orders import require_active
from accounts.services.payments import account_purse, pay
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import Conflict, InvalidField

SOLD_THROUGH: Final = "pass"
"""The channel of payments for passes, for whoever limits or lists payments by channel."""

# Opened with the first product: two who first open an account and hold passes meanwhile would wait for each other.
_ACCOUNTS: Final = (Chart.COUNTER_CASH, Chart.REFUNDS_PAYABLE, Chart.PASSES_SOLD, Chart.SERVICE_FEES)

# The pass that ends first, then the one with fewest rides left: so that least is lost. Taking the ride is the lock: of two
# at once for the last ride the second finds the row changed and goes on to the next pass, or to none. A pass without
# number of rides is written, too: a refund then waits for its use or finds it. The last ride takes what is left of the
# price, so that all rides together are worth it to the fen; those before differ by a fen at most.
_TAKE: Final = """
WITH chosen AS (
    SELECT held.id, held.unused_fen, held.rides_left,
        coalesce((held.unused_fen + held.rides_left - 1) / held.rides_left, 0) AS value_fen
    FROM accounts_pass AS held
    JOIN accounts_passproduct AS product ON product.id = held.product_id
    JOIN accounts_card AS card ON card.id = held.card_id
    WHERE held.card_id = %(card)s AND held.state = 'active' AND card.state = 'active'
        AND %(day)s BETWEEN held.starts_on AND held.ends_on AND product.channels @> ARRAY[%(channel)s]::varchar[]
    ORDER BY held.ends_on, held.rides_left, held.id LIMIT 1 FOR NO KEY UPDATE OF held
)
UPDATE accounts_pass AS held SET rides_left = held.rides_left - 1, unused_fen = held.unused_fen - chosen.value_fen,
    state = CASE WHEN held.rides_left = 1 THEN 'used_up' ELSE held.state END
FROM chosen WHERE held.id = chosen.id RETURNING held.id, chosen.value_fen
"""


@transaction.atomic
def publish_pass_product(
    *,
    code: str,
    name: str,
    kind: str,
    price_fen: int,
    channels: Sequence[str],
    operator: str,
    operator_name: str,
    refund: str,
    unused: str,
    legal_basis: str,
    valid_from: date,
    rides: int | None = None,
    validity_days: int | None = None,
    concession: str = "",
    refund_fee_fen: int = 0,
    actor: str,
) -> PassProduct:
    """The terms under which `code` is sold from `valid_from` on; those of passes sold before stay as they were. Audited.

    `operator` is the code of who carries the holders; it gets a payable account. Publishing the same again returns what
    is there. Raises Conflict for other terms of the same date, InvalidField for terms that make no sense.
    """
    account = open_account(chart=Chart.OPERATOR_PAYABLE, owner=operator, name=operator_name)
    for chart in _ACCOUNTS:
        open_account(chart=chart)
    terms: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "price_fen": price_fen,
        "rides": rides,
        "validity_days": validity_days,
        "channels": list(channels),
        "operator": account,
        "concession": concession,
        "refund": refund,
        "refund_fee_fen": refund_fee_fen,
        "unused": unused,
        "legal_basis": legal_basis,
    }
    found = PassProduct.objects.filter(code=code, valid_from=valid_from).first()
    if found is not None:
        if any(getattr(found, field) != value for field, value in terms.items()):
            raise Conflict(what=f"{code} {valid_from}")
        return found
    product = PassProduct(code=code, valid_from=valid_from, **terms)
    try:
        product.full_clean()
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise InvalidField(field, reasons[0]) from error
    product.save(force_insert=True)
    detail = {"valid_from": valid_from, "price_fen": price_fen, "legal_basis": legal_basis}
    record_audit(actor=actor, action="pass_product.publish", subject=f"pass_product:{code}", detail=detail)
    return product


@transaction.atomic
def sell_pass(
    *,
    card: Card,
    code: str,
    starts_on: date,
    paid_by: str,
    number: str,
    actor: str,
    occurred_at: datetime,
    proof: str = "",
) -> Pass:
    """Sell the pass `code` for an active card, on the terms of the day, and book its price.

    `number` is the sale's own, given by who sells and kept before calling: the same sale again returns the first pass.
    `proof` says what was seen of whom a concession is for, in words and without personal data.

    Raises CardNotActive, PassNotOnSale, InvalidField (`starts_on` before the sale), ConcessionUnproven,
    PassAlreadyRunning, Conflict (the number was used for another sale), and what the payment raises.
    """
    card = locks.lock_card(card.pk)
    today = shanghai(occurred_at).date()
    if sold := Pass.objects.select_related("product").filter(number=number).first():
        if (sold.card_id, sold.product.code, sold.starts_on, sold.paid_by) != (
            card.pk,
            code,
            starts_on,
            paid_by,
        ):
            raise Conflict(what=number)
        return sold
    require_active(card)
    product = pass_product(code, today)
    if product is None:
        raise PassNotOnSale(code=code, date=today)
    if starts_on < today:
        raise InvalidField("starts_on", _("before the day of the sale"))
    if product.concession and not proof:
        raise ConcessionUnproven(concession=product.concession, legal_basis=product.legal_basis)
    ends_on = last_day(product, starts_on)
    _refuse_overlap(card, code, starts_on, ends_on)
    sold = Pass.objects.create(
        number=number,
        product=product,
        card=card,
        starts_on=starts_on,
        ends_on=ends_on,
        price_fen=product.price_fen,
        rides_left=product.rides,
        unused_fen=product.price_fen,
        paid_by=Pass.PaidBy(paid_by),
        proof=proof,
        sold_at=occurred_at,
    )
    _collect(sold, card, actor)
    return sold


def _collect(sold: Pass, card: Card, actor: str) -> None:
    """The price comes in: as cash, or from the account purse, which pays for a pass as it pays for anything else."""
    if sold.paid_by == Pass.PaidBy.PURSE:
        pay(
            purse=account_purse(card),
            payee=postings.account_id(Chart.PASSES_SOLD),
            amount_fen=sold.price_fen,
            key=f"pass:{sold.number}",
            channel=SOLD_THROUGH,
            actor=actor,
            occurred_at=sold.sold_at,
        )
        return
    legs = postings.pass_sold(card_pass=sold)
    post_journal(key=f"pass-sold:{sold.number}", kind="pass_sold", actor=actor, source=sold.number, legs=legs)


def last_day(product: PassProduct, starts_on: date) -> date:
    """The last day of a pass that begins on `starts_on`."""
    if product.validity_days is not None:
        return starts_on + timedelta(days=product.validity_days - 1)
    return starts_on.replace(day=calendar.monthrange(starts_on.year, starts_on.month)[1])


def use_pass(
    *, card: Card, channel: str, payee: LedgerAccount, fare_fen: int, key: str, occurred_at: datetime
) -> PassUse | None:
    """Take a ride on the card's passes if one is good for it, once per `key`; None when the purse has to pay.

    The pass is chosen by the earliest last day, then the fewest rides left. With a number of rides the ride's share of
    the price goes to `payee`; `fare_fen` is kept for the operators' own division. The card must be active.
    Raises Conflict (key used for another ride) and what posting raises.
    """
    ride = {"channel": channel, "payee_id": payee.pk, "fare_fen": fare_fen, "used_at": occurred_at}
    if done := _ride_of(key, card, ride):
        return done
    try:
        with transaction.atomic():
            if taken := _take(card, key, ride):
                return taken
    except IntegrityError:  # the same ride at the same time, and that one was first
        if done := _ride_of(key, card, ride):
            return done
        raise
    # Whoever took the last ride may have taken it for this very key.
    return _ride_of(key, card, ride)


def _take(card: Card, key: str, ride: dict[str, Any]) -> PassUse | None:
    day = shanghai(ride["used_at"]).date()
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"card": card.pk, "channel": ride["channel"], "day": day})
        row = cursor.fetchone()
    if row is None:
        return None
    use = PassUse.objects.create(key=key, card_pass_id=row[0], value_fen=row[1], **ride)
    if use.value_fen:
        post_journal(
            key=f"pass-used:{key}",
            kind="pass_used",
            actor=f"card {card.pan}",
            source=key,
            legs=postings.pass_used(use=use),
        )
    return use


def _ride_of(key: str, card: Card, ride: dict[str, Any]) -> PassUse | None:
    """The ride already taken with this key. Raises Conflict when it was another one."""
    use = PassUse.objects.select_related("card_pass").filter(key=key).first()
    if use is not None and (
        use.card_pass.card_id != card.pk or any(getattr(use, name) != value for name, value in ride.items())
    ):
        raise Conflict(what=key)
    return use


def _refuse_overlap(card: Card, code: str, starts_on: date, ends_on: date) -> None:
    """The database refuses two of one product row; this refuses them across price changes, under the card's lock."""
    running = card.passes.filter(
        product__code=code, state=Pass.State.ACTIVE, starts_on__lte=ends_on, ends_on__gte=starts_on
    )
    if other := running.first():
        raise PassAlreadyRunning(product=other.product.name, ends_on=other.ends_on)
