"""A card's life: ordered, personalised, issued, active, lost, refunding, closed. Each step is one transaction and one CardEvent.

Every service locks the card's row first and goes by what it finds there, so a stale instance does no harm; the current
one is returned.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts import locks
from accounts.errors import (
    AnonymousProduct,
    CardAlreadyHeld,
    CardHasFunds,
    CitizenRequired,
    ConsentMissing,
    GuardianRequired,
    HolderDeceased,
    IllegalCardTransition,
)
from accounts.models import (
    Card,
    CardEvent,
    CardProduct,
    Chart,
    Citizen,
    Consent,
    LedgerAccount,
    Mandate,
    Purse,
    Replacement,
    TopUpOrder,
)
from accounts.selectors.ages import age_of
from accounts.services import postings
from accounts.services.citizens import OWN_CONSENT
from accounts.services.deposits import return_deposit
from accounts.services.ledger import open_account, post_journal, set_account_state
from accounts.services.levels import Operation, require_level
from accounts.services.mandates import stop_for_card
from citizencard.core.states import step_to

PAN_PREFIX: Final = "3104"
"""First digits of a T-Union card number (JT/T 978); then 4 digits issuer and 11 running ones. No check digit."""
_ENDS_MANDATES: Final = {
    Card.State.SUSPENDED: Mandate.StopReason.CLOSED,
    Card.State.LOST: Mandate.StopReason.LOST,
    Card.State.REFUNDING: Mandate.StopReason.CLOSED,
    Card.State.REPLACED: Mandate.StopReason.REPLACED,
    Card.State.CLOSED: Mandate.StopReason.CLOSED,
}
"""In the transaction of such a step nothing is collected for the card any more."""


@transaction.atomic
def order_card(
    *,
    product: CardProduct,
    citizen: Citizen | None = None,
    actor: str,
    valid_from: date,
    occurred_at: datetime | None = None,
) -> Card:
    """A blank card of `product` with its number, purse and ledger account (`occurred_at`: default now).

    Raises CitizenRequired, AnonymousProduct, LevelTooLow, ConsentMissing, GuardianRequired (under 14) or CardAlreadyHeld.
    """
    if product.real_name:
        _check_holder(product, citizen)
    elif citizen is not None:
        raise AnonymousProduct(product=product.name)
    card = Card.objects.create(
        pan=draw_pans(1)[0],
        product=product,
        citizen=citizen,
        valid_from=valid_from,
        valid_to=years_later(valid_from, product.validity_years),
    )
    _open_purses(card)
    _record(card, source="", actor=actor, reason="", occurred_at=occurred_at or timezone.now())
    return card


@transaction.atomic
def mark_personalised(*, card: Card, actor: str, occurred_at: datetime | None = None) -> Card:
    """The chip carries files and keys (`occurred_at`: default now). Raises IllegalCardTransition."""
    return _move(card, Card.personalise, Card.State.PERSONALISED, actor=actor, occurred_at=occurred_at)


@transaction.atomic
def issue_card(*, card: Card, actor: str, occurred_at: datetime) -> Card:
    """Hand the card over; price, or the fee of a replacement, and deposit are booked as counter cash.

    Raises IllegalCardTransition, HolderDeceased.
    """
    if card.citizen_id and Citizen.objects.filter(pk=card.citizen_id).exclude(deceased_on=None).exists():
        raise HolderDeceased
    card = _move(card, Card.issue, Card.State.ISSUED, actor=actor, occurred_at=occurred_at)
    replacement = Replacement.objects.filter(new=card).first()
    card.price_fen = replacement.fee_fen if replacement else card.product.price_fen
    card.deposit_fen = card.product.deposit_fen
    card.save(update_fields=["price_fen", "deposit_fen"])
    if legs := postings.card_sold(card=card, occurred_at=occurred_at):
        post_journal(key=f"card-sale:{card.pan}", kind="card_sale", actor=actor, source=card.pan, legs=legs)
    return card


@transaction.atomic
def activate_card(*, card: Card, actor: str, occurred_at: datetime | None = None) -> Card:
    """The card may be topped up and pay (`occurred_at`: default now). Raises IllegalCardTransition."""
    return _move(card, Card.activate, Card.State.ACTIVE, actor=actor, occurred_at=occurred_at)


@transaction.atomic
def mark_lost(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """The holder reported the loss; `terminals` puts the card on the hot list. Raises IllegalCardTransition."""
    return _move(card, Card.report_lost, Card.State.LOST, actor=actor, reason=reason, occurred_at=occurred_at)


@transaction.atomic
def mark_found(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """A lost card is back with its holder; `terminals` takes it off the hot list. A mandate that ended stays ended.

    Raises CardAlreadyHeld when the holder has got another live card meanwhile, and IllegalCardTransition.
    """
    _refuse_twin(card)
    return _move(card, Card.recover, Card.State.ACTIVE, actor=actor, reason=reason, occurred_at=occurred_at)


@transaction.atomic
def suspend_card(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """Nobody may use the card for now; `terminals` puts it on the hot list. Raises IllegalCardTransition."""
    return _move(
        card, Card.suspend, Card.State.SUSPENDED, actor=actor, reason=reason, occurred_at=occurred_at
    )


@transaction.atomic
def reinstate_card(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """A suspended card is what it was before. A mandate that ended stays ended. Raises IllegalCardTransition, CardAlreadyHeld."""
    _refuse_twin(card)
    before = card.events.filter(target=Card.State.SUSPENDED).order_by("pk").last()
    target = Card.State(before.source if before else Card.State.ACTIVE)
    return _move(
        card,
        lambda current: current.reinstate(target),
        target,
        actor=actor,
        reason=reason,
        occurred_at=occurred_at,
    )


@transaction.atomic
def close_card(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """End the card's life at the counter; a deposit is handed back in cash, less damage on record.

    Raises CardHasFunds while money is on it or on its way, and IllegalCardTransition, also while a refund is under way.
    """
    locks.lock_card(card.pk)
    balances_fen = [purse.balance_fen for purse in locks.lock_purses(card.pk)]
    under_way = TopUpOrder.objects.filter(
        card_id=card.pk, state__in=[TopUpOrder.State.PAID, TopUpOrder.State.LOADED]
    )
    awaited = Replacement.objects.filter(new_id=card.pk, state=Replacement.State.WAITING)
    if any(balances_fen) or under_way.exists() or awaited.exists():
        raise CardHasFunds(balance_fen=sum(balances_fen))
    card = _move(card, Card.close, Card.State.CLOSED, actor=actor, reason=reason, occurred_at=occurred_at)
    return_deposit(card=card, to=Chart.COUNTER_CASH, actor=actor, occurred_at=occurred_at)
    _close_purses(card, actor=actor, reason=reason)
    return card


@transaction.atomic
def block_for_refund(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """A refund is requested; `terminals` puts the card on the hot list. Raises IllegalCardTransition."""
    return _move(
        card, Card.start_refund, Card.State.REFUNDING, actor=actor, reason=reason, occurred_at=occurred_at
    )


@transaction.atomic
def resume_card(*, card: Card, state: str, actor: str, reason: str, occurred_at: datetime) -> Card:
    """The refund came to nothing: the card is in `state` again, as before it.

    Raises CardAlreadyHeld when the citizen has got another live card meanwhile, and IllegalCardTransition.
    """
    target = Card.State(state)
    if target in Card.LIVE:
        _refuse_twin(card)
    return _move(
        card,
        lambda current: current.resume(target),
        target,
        actor=actor,
        reason=reason,
        occurred_at=occurred_at,
    )


@transaction.atomic
def close_refunded(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """The refund has emptied the card: its life ends, its purses take nothing more. Raises IllegalCardTransition."""
    card = _move(
        card, Card.finish_refund, Card.State.CLOSED, actor=actor, reason=reason, occurred_at=occurred_at
    )
    _close_purses(card, actor=actor, reason=reason)
    return card


@transaction.atomic
def mark_replaced(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """Another card takes its place; `terminals` has it on the hot list. Raises IllegalCardTransition."""
    return _move(card, Card.replace, Card.State.REPLACED, actor=actor, reason=reason, occurred_at=occurred_at)


@transaction.atomic
def close_replaced(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """Its money has followed: its life ends, its purses take nothing more. Raises IllegalCardTransition."""
    card = _move(
        card, Card.finish_replacement, Card.State.CLOSED, actor=actor, reason=reason, occurred_at=occurred_at
    )
    _close_purses(card, actor=actor, reason=reason)
    return card


def _move(
    card: Card,
    step: Callable[[Card], object],
    target: Card.State,
    *,
    actor: str,
    reason: str = "",
    occurred_at: datetime | None = None,
) -> Card:
    """Take one step under the row's lock and record it."""
    current = locks.lock_card(card.pk)
    source = current.state
    with step_to(target, IllegalCardTransition):
        step(current)
    current.save(update_fields=["state"])
    occurred_at = occurred_at or timezone.now()
    _record(current, source=source, actor=actor, reason=reason, occurred_at=occurred_at)
    if target in _ENDS_MANDATES:
        stop_for_card(card=current, reason=_ENDS_MANDATES[target], occurred_at=occurred_at)
    return current


def _record(card: Card, *, source: str, actor: str, reason: str, occurred_at: datetime) -> None:
    CardEvent.objects.create(
        card=card, source=source, target=card.state, actor=actor, reason=reason, occurred_at=occurred_at
    )


def _close_purses(card: Card, *, actor: str, reason: str) -> None:
    """Close the purses' accounts: a tap that comes later is a claim and cannot go below the floor of a card given back."""
    for purse in card.purses.select_related("account").order_by("account_id"):
        set_account_state(account=purse.account, state=LedgerAccount.State.CLOSED, actor=actor, reason=reason)


def _open_purses(card: Card) -> None:
    """The purses that its product has."""
    for kind, chart, ceiling_fen, floor_fen in purse_terms(card.product):
        account = open_account(chart=chart, owner=card.pan, name=card.pan)
        Purse.objects.create(
            card=card, kind=kind, account=account, ceiling_fen=ceiling_fen, floor_fen=floor_fen
        )


def purse_terms(product: CardProduct) -> list[tuple[Purse.Kind, Chart, int, int]]:
    """The purse on the chip, and the account purse if the product has one: kind, chart account, ceiling and floor in fen."""
    chip = Chart.PURSE_REAL_NAME if product.real_name else Chart.PURSE_ANONYMOUS
    terms = [(Purse.Kind.CHIP, chip, product.balance_limit_fen, -product.overdraft_fen)]
    if product.account_limit_fen:
        terms.append((Purse.Kind.ACCOUNT, Chart.PURSE_ACCOUNT, product.account_limit_fen, 0))
    return terms


def _check_holder(product: CardProduct, citizen: Citizen | None) -> None:
    """A real-name card needs a holder who is known, agreed and has no other live one; the lock serialises two clerks."""
    if citizen is None:
        raise CitizenRequired(product=product.name)
    require_level(citizen, Operation.REAL_NAME_CARD)
    age = age_of(citizen, timezone.localdate())
    locks.lock_citizen(citizen.pk)
    purpose = Consent.Purpose.CARD
    consent = citizen.consents.filter(purpose=purpose, withdrawn_at=None).first()
    if age is not None and age < OWN_CONSENT:
        if consent is None or consent.guardian_id is None:
            raise GuardianRequired(age=age)
    elif consent is None or consent.guardian_id is not None:
        raise ConsentMissing(purpose=purpose.label)
    if citizen.cards.filter(product=product, state__in=Card.LIVE).exists():
        raise CardAlreadyHeld(product=product.name)


def _refuse_twin(card: Card) -> None:
    """Raise CardAlreadyHeld when the holder has another live card of the product."""
    twins = Card.objects.filter(product_id=card.product_id, state__in=Card.LIVE).exclude(pk=card.pk)
    if card.citizen and twins.filter(citizen=card.citizen).exists():
        raise CardAlreadyHeld(product=card.product.name)


def draw_pans(count: int) -> list[str]:
    """New card numbers, in rising order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('accounts_card_number_seq') FROM generate_series(1, %s)", [count])
        numbers = sorted(number for (number,) in cursor.fetchall())
    return [f"{PAN_PREFIX}{settings.ISSUER_CODE}{number:011d}" for number in numbers]


def years_later(day: date, years: int) -> date:
    """The same day `years` later; the end of February where there is no 29th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
