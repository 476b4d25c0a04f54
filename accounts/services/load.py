"""Value onto the chip in two phases: MAC2 on the word of the chip's MAC1, confirmation on the word of its TAC.

JR/T 0025.2 load: INITIALIZE FOR LOAD → `authorise_load` → CREDIT FOR LOAD → `confirm_load`. Between the two the order is
LOADED and the chip may or may not hold the value. Its online counter tells: unmoved means not loaded, one further means
loaded. The TAC of GET TRANSACTION PROVE says so, or else the next INITIALIZE FOR LOAD, for whatever order: its MAC1 covers
the counter. A terminal that plays back an old one gains nothing, since a counter always belongs to exactly one order and
MAC1 covers the amount, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from accounts import locks
from accounts.errors import (
    AlreadyLoaded,
    IllegalOrderTransition,
    LoadCounterMismatch,
    LoadNotProven,
    LoadRefused,
)
from accounts.models import Card, TopUpOrder
from accounts.services import limits
from accounts.services.orders import post_value, require_active
from citizencard.core.calendar import shanghai
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.states import step_to

State = TopUpOrder.State

_SEE_COUNTER: Final = """
UPDATE accounts_purse SET online_seen = online_seen + int4multirange(int4range(%(atc)s, %(atc)s, '[]'))
WHERE card_id = %(card)s AND kind = 'chip'
"""


def authorise_load(
    *,
    order: TopUpOrder,
    balance_fen: int,
    online_atc: int,
    key_version: int,
    rand: bytes,
    mac1: bytes,
    terminal_no: str,
    when: datetime,
) -> bytes:
    """MAC2 (4 bytes) for CREDIT FOR LOAD at `when`, once the order is LOADED and that is committed.

    A load of the card that was torn before is settled first, by the chip's counter: CONFIRMED, or back to PAID.

    Balance, counter (before increment), key version, random number and MAC1 as INITIALIZE FOR LOAD answered them;
    `terminal_no` 12 hex digits; `when` aware. Raises LoadRefused (MAC1 wrong), AlreadyLoaded (this order is the one that
    was torn, and is CONFIRMED now), BalanceLimitExceeded, CardNotActive, LoadCounterMismatch, IllegalOrderTransition,
    KeyServiceUnavailable; the order is then not authorised.
    """
    mac2 = _host_mac(
        order.card,
        amount_fen=order.amount_fen,
        key_version=key_version,
        rand4=rand,
        online_atc=online_atc,
        balance_fen=balance_fen,
        terminal_no6=bytes.fromhex(terminal_no),
        mac1=mac1,
        when=when,
    )
    _settle_torn(order, online_atc)
    # Durable: were this inside a bigger transaction, the chip could hold value that a rollback then forgets.
    with transaction.atomic(durable=True):
        card = locks.lock_card(order.card_id)
        current = locks.lock_order(order.pk)
        require_active(card)
        limits.check_load(
            purse=current.purse,
            amount_fen=current.amount_fen,
            chip_balance_fen=balance_fen,
            on=shanghai(when).date(),
        )
        _check_counter(current, online_atc)
        with step_to(State.LOADED, IllegalOrderTransition):
            current.authorise()
        current.online_atc, current.balance_before_fen = online_atc, balance_fen
        current.terminal_no, current.loaded_at = terminal_no.upper(), when
        current.save()
    return mac2


def confirm_load(*, order: TopUpOrder, tac: bytes, balance_after_fen: int) -> TopUpOrder:
    """The chip's TAC proves the load: value from transit into the purse. A repeat with the same TAC changes nothing.

    A TAC that comes after the counter has proved the load is kept as the better proof. Raises LoadNotProven (TAC or
    balance wrong), IllegalOrderTransition, KeyServiceUnavailable; the order then stays as it is.
    """
    shown = TopUpOrder.objects.select_related("card").get(pk=order.pk)
    if shown.state == State.CONFIRMED and bytes(shown.tac or b"") == tac:
        return shown
    if _awaits_tac(shown) and not _is_proven(shown, tac, balance_after_fen):
        raise LoadNotProven
    with transaction.atomic():
        current = locks.lock_order(order.pk)
        if current.state == State.CONFIRMED and bytes(current.tac or b"") == tac:
            return current
        if (current.online_atc, current.loaded_at) != (shown.online_atc, shown.loaded_at):
            raise LoadNotProven
        current.tac = tac
        if current.state == State.CONFIRMED and _awaits_tac(current):
            current.proof = TopUpOrder.Proof.TAC
            current.save()
        else:
            _confirm(current, TopUpOrder.Proof.TAC)
    return current


def _awaits_tac(order: TopUpOrder) -> bool:
    return order.state == State.LOADED or order.proof == TopUpOrder.Proof.COUNTER


def _confirm(order: TopUpOrder, proof: TopUpOrder.Proof) -> None:
    """A locked order's load is proved: the value is in the purse. Raises IllegalOrderTransition."""
    with step_to(State.CONFIRMED, IllegalOrderTransition):
        order.confirm()
    order.proof, order.confirmed_at = proof, timezone.now()
    order.save()
    post_value(order, occurred_at=_Begun.of(order).loaded_at)
    with connection.cursor() as cursor:
        cursor.execute(_SEE_COUNTER, {"atc": order.online_atc, "card": order.card_id})


def demand_presence(
    *,
    card: Card,
    amount_fen: int,
    balance_fen: int,
    online_atc: int,
    key_version: int,
    rand: bytes,
    mac1: bytes,
    terminal_no: str,
    when: datetime,
) -> None:
    """Raise LoadRefused unless the card itself answered INITIALIZE FOR LOAD over this amount at this terminal.

    Nothing is authorised by it. Raises KeyServiceUnavailable.
    """
    _host_mac(
        card,
        amount_fen=amount_fen,
        key_version=key_version,
        rand4=rand,
        online_atc=online_atc,
        balance_fen=balance_fen,
        terminal_no6=bytes.fromhex(terminal_no),
        mac1=mac1,
        when=when,
    )


def _host_mac(card: Card, **chip: object) -> bytes:
    """MAC2, computed before any row is locked; it leaves this module only after the order is LOADED."""
    try:
        return key_service().authorise_load(
            serial8=card.serial,
            **chip,  # type: ignore[arg-type]  # the named values of authorise_load, typed there
        )
    except KeyServiceError as error:
        if error.refusal == "mac_invalid":
            raise LoadRefused from error
        raise


@transaction.atomic(durable=True)
def _settle_torn(order: TopUpOrder, online_atc: int) -> None:
    """Settle the card's load under way by the chip's counter; that stands even if the new load is then refused."""
    torn = TopUpOrder.objects.filter(card_id=order.card_id, state=State.LOADED).first()
    if torn is None:
        return
    locks.lock_card(order.card_id)
    torn = locks.lock_order(torn.pk)
    if torn.state != State.LOADED or torn.online_atc is None:
        return
    if online_atc == torn.online_atc + 1:
        _confirm(torn, TopUpOrder.Proof.COUNTER)
    elif online_atc == torn.online_atc and torn.pk != order.pk:
        with step_to(State.PAID, IllegalOrderTransition):
            torn.fall_back()
        torn.online_atc = torn.balance_before_fen = torn.loaded_at = None
        torn.terminal_no = ""
        torn.save()


def _check_counter(order: TopUpOrder, online_atc: int) -> None:
    """A counter is used for one load: the order's own again if the chip's has not moved, never another order's."""
    if order.state == State.CONFIRMED and order.online_atc == online_atc - 1:
        raise AlreadyLoaded(number=order.number)
    under_way = TopUpOrder.objects.filter(card_id=order.card_id, state=State.LOADED).first()
    if under_way is not None and (under_way.pk, under_way.online_atc) != (order.pk, online_atc):
        raise LoadCounterMismatch(expected=under_way.online_atc, shown=online_atc)
    used = order.purse.topups.filter(state=State.CONFIRMED, online_atc=online_atc)
    if used.exists():
        raise LoadCounterMismatch(expected=online_atc + 1, shown=online_atc)


@dataclass(frozen=True, slots=True)
class _Begun:
    """What the chip and the host agreed on when MAC2 was given."""

    online_atc: int
    balance_before_fen: int
    loaded_at: datetime

    @classmethod
    def of(cls, order: TopUpOrder) -> _Begun:
        """Raises LoadNotProven for an order whose load never began."""
        if order.online_atc is None or order.balance_before_fen is None or order.loaded_at is None:
            raise LoadNotProven
        return cls(order.online_atc, order.balance_before_fen, order.loaded_at)


def _is_proven(order: TopUpOrder, tac: bytes, balance_after_fen: int) -> bool:
    """Whether the TAC is the chip's over exactly this load. The card's own TAC key version counts, not the load key's."""
    begun = _Begun.of(order)
    return balance_after_fen == begun.balance_before_fen + order.amount_fen and key_service().verify_load_tac(
        serial8=order.card.serial,
        key_version=order.card.key_version,
        balance_after_fen=balance_after_fen,
        online_atc=begun.online_atc,
        amount_fen=order.amount_fen,
        terminal_no6=bytes.fromhex(order.terminal_no),
        when=begun.loaded_at,
        tac=tac,
    )
