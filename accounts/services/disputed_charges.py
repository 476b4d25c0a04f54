"""The money of a dispute: a charge is set apart, credited at most once, and ends borne by somebody or taken back.

The credit is a top-up of its own channel, as is everything that is given back to a card: into the account purse at once, or
waiting for the chip. An advance (先行垫付) goes into an account purse only, for nobody can take anything from a chip.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import transaction
from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from accounts import locks
from accounts.errors import ChargeDisputed, IllegalChargeStep
from accounts.models import Card, CreditReturn, DisputedCharge, LedgerAccount, Purse, TopUpOrder
from accounts.selectors.alerts import is_suspected
from accounts.selectors.disputed import advanced_fen, owed_back_fen
from accounts.services import postings
from accounts.services.compensations import account_with_room
from accounts.services.ledger import post_journal
from accounts.services.orders import receive_money
from citizencard.core.calendar import shanghai
from citizencard.core.states import step_to

State = DisputedCharge.State


@transaction.atomic
def dispute_charge(
    *,
    card: Card,
    what: str,
    source_id: int,
    amount_fen: int,
    advance_up_to_fen: int,
    charged_at: datetime,
    actor: str,
    occurred_at: datetime,
) -> DisputedCharge:
    """Set `amount_fen` of a charge apart. It is advanced at once where the card's account purse has room, and as long as all
    advances of the card together stay within `advance_up_to_fen` and nobody suspects the card.

    The caller has made sure that so much of the charge is left. Raises ChargeDisputed, and what `post_journal` raises.
    """
    card = locks.lock_card(card.pk)
    if DisputedCharge.objects.filter(what=what, source_id=source_id).exists():
        raise ChargeDisputed
    charge = DisputedCharge.objects.create(
        what=what, source_id=source_id, card=card, amount_fen=amount_fen, occurred_at=charged_at
    )
    within = advanced_fen(card) + amount_fen <= advance_up_to_fen
    purse = account_with_room(card, amount_fen) if within and not is_suspected(card) else None
    if purse is not None:
        _credit(charge, purse, actor, occurred_at)
    return charge


@transaction.atomic
def grant_charge(
    *, charge: DisputedCharge, bearer: LedgerAccount, actor: str, occurred_at: datetime
) -> DisputedCharge:
    """The holder was right: what was advanced is final, what was not is credited now, and `bearer` pays it.

    Raises IllegalChargeStep when it has ended before, and what `post_journal` raises.
    """
    card = locks.lock_card(charge.card_id)
    charge = locks.lock_disputed_charge(charge.pk)
    with step_to(State.GRANTED, IllegalChargeStep):
        charge.grant(bearer, occurred_at)
    if charge.order is None:
        purse = account_with_room(card, charge.amount_fen) or locks.lock_purse(card.pk)
        _credit(charge, purse, actor, occurred_at)
    charge.save(update_fields=["state", "bearer", "ended_at"])
    post_journal(
        key=f"dispute-borne:{charge.pk}",
        kind="dispute_borne",
        actor=actor,
        source=str(charge),
        legs=postings.dispute_borne(charge=charge, bearer_id=bearer.pk, occurred_at=occurred_at),
    )
    return charge


@transaction.atomic
def refuse_charge(*, charge: DisputedCharge, actor: str, occurred_at: datetime) -> DisputedCharge:
    """The charge stands: of what was advanced the purse gives back what it has, the rest stays owed.

    Raises IllegalChargeStep when it has ended before, and what `post_journal` raises.
    """
    locks.lock_card(charge.card_id)
    charge = locks.lock_disputed_charge(charge.pk)
    with step_to(State.REFUSED, IllegalChargeStep):
        charge.refuse(occurred_at)
    charge.save(update_fields=["state", "ended_at"])
    _take_back(charge, actor, occurred_at)
    return charge


@transaction.atomic
def collect_credit(*, charge: DisputedCharge, actor: str, occurred_at: datetime) -> int:
    """Take back what the purse has by now of a credit that is owed; how many fen. Again changes nothing."""
    locks.lock_card(charge.card_id)
    return _take_back(locks.lock_disputed_charge(charge.pk), actor, occurred_at)


@transaction.atomic
def write_off_credit(*, charge: DisputedCharge, actor: str, occurred_at: datetime) -> int:
    """What is still owed of a credit becomes our loss; how many fen. Who may say so is the caller's affair."""
    locks.lock_card(charge.card_id)
    charge = locks.lock_disputed_charge(charge.pk)
    if owed_fen := owed_back_fen(charge):
        part = _part(charge, owed_fen, CreditReturn.Rule.WRITTEN_OFF, actor, occurred_at)
        post_journal(
            key=f"credit-written-off:{part.pk}",
            kind="credit_written_off",
            actor=actor,
            source=str(charge),
            legs=postings.credit_written_off(part=part),
        )
    return owed_fen


def credits_to_collect() -> list[DisputedCharge]:
    """Credits of which something is owed while their purses hold something."""
    owed = DisputedCharge.objects.filter(
        state=State.REFUSED, order__purse__balance_fen__gt=F("order__purse__held_fen")
    ).annotate(back_fen=Coalesce(Sum("returns__amount_fen"), 0))
    return list(owed.filter(back_fen__lt=F("amount_fen")).order_by("pk"))


def _credit(charge: DisputedCharge, purse: Purse, actor: str, occurred_at: datetime) -> None:
    """The one credit of a charge: the column is unique, and a row has one."""
    charge.order = TopUpOrder.objects.create(
        number=f"DC{shanghai(occurred_at):%Y%m%d}{secrets.token_hex(6).upper()}",
        request_key=f"dispute:{charge.pk}",
        card_id=charge.card_id,
        purse=purse,
        amount_fen=charge.amount_fen,
        channel=TopUpOrder.Channel.DISPUTE,
        actor=actor,
        occurred_at=occurred_at,
    )
    receive_money(charge.order, actor=actor)
    charge.save(update_fields=["order"])


def _take_back(charge: DisputedCharge, actor: str, occurred_at: datetime) -> int:
    """Never below the purse's floor, nor what holds have reserved; a closed account gives nothing."""
    owed_fen = owed_back_fen(charge)
    if charge.order is None or not owed_fen:
        return 0
    purse = locks.lock_purse(charge.card_id, charge.order.purse.kind)
    is_open = charge.order.purse.account.state == LedgerAccount.State.OPEN
    there_fen = min(owed_fen, purse.balance_fen - purse.held_fen - purse.floor_fen) if is_open else 0
    if there_fen <= 0:
        return 0
    part = _part(charge, there_fen, CreditReturn.Rule.PURSE, actor, occurred_at)
    post_journal(
        key=f"credit-taken-back:{part.pk}",
        kind="credit_taken_back",
        actor=actor,
        source=str(charge),
        legs=postings.credit_taken_back(part=part, purse_id=purse.account_id),
    )
    return there_fen


def _part(
    charge: DisputedCharge, amount_fen: int, rule: CreditReturn.Rule, actor: str, occurred_at: datetime
) -> CreditReturn:
    return CreditReturn.objects.create(
        charge=charge, amount_fen=amount_fen, rule=rule, actor=actor, occurred_at=occurred_at
    )
