"""Reserve, capture, release, expire: what is set aside is there, and nothing else is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from accounts.errors import (
    AccountNotOpen,
    AmountOutOfRange,
    CardNotActive,
    HoldExceeded,
    HoldExpired,
    IllegalHoldTransition,
    NoAccountPurse,
    PurseFloorReached,
)
from accounts.models import Card, Hold, LedgerAccount, Payment, Purse
from accounts.selectors.balances import account_balance_fen
from accounts.services import cards, holds
from accounts.services.ledger import set_account_state
from accounts.services.payments import pay, refund_payment
from citizencard.core.errors import Conflict, InvalidField
from tests.accounts.purses.filling import fresh
from tests.factories import CLERK, NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
State = Hold.State


def reserve(purse: Purse, shop: LedgerAccount, amount_fen: object = 600, **changes: Any) -> Hold:
    values: dict[str, Any] = {
        "key": "bike-1",
        "channel": "bike",
        "expires_at": NOON + HOUR,
        "reason": "bike rental",
        "actor": "bike",
        "occurred_at": NOON,
    }
    return holds.reserve(purse=purse, payee=shop.pk, amount_fen=amount_fen, **values | changes)  # type: ignore[arg-type]


def capture(hold: Hold, amount_fen: int = 600, **changes: Any) -> Payment:
    values: dict[str, Any] = {"key": "ride-1", "actor": "bike", "occurred_at": NOON + HOUR / 2}
    return holds.capture(hold=hold, amount_fen=amount_fen, **values | changes)


def amounts(purse: Purse) -> tuple[int, int, int]:
    now = fresh(purse)
    return now.balance_fen, now.held_fen, now.available_fen


@pytest.fixture
def hold(purse: Purse, shop: LedgerAccount) -> Hold:
    return reserve(purse, shop)


def test_what_is_reserved_cannot_be_spent_otherwise(purse: Purse, hold: Hold, shop: LedgerAccount) -> None:
    assert amounts(purse) == (1_000, 600, 400)
    with pytest.raises(PurseFloorReached):
        pay(
            purse=purse,
            payee=shop.pk,
            amount_fen=401,
            key="b",
            channel="qr",
            actor="shop",
            occurred_at=NOON,
        )
    with pytest.raises(PurseFloorReached):
        reserve(purse, shop, 401, key="bike-2")
    assert amounts(purse) == (1_000, 600, 400)


def test_captured_wholly(purse: Purse, hold: Hold, shop: LedgerAccount) -> None:
    payment = capture(hold)
    assert (payment.hold_id, payment.amount_fen, payment.counted_on) == (hold.pk, 600, hold.counted_on)
    assert amounts(purse) == (400, 0, 400)
    assert account_balance_fen(shop.pk) == 600
    ended = Hold.objects.get(pk=hold.pk)
    assert (ended.state, ended.captured_fen, ended.ended_at) == (State.CAPTURED, 600, NOON + HOUR / 2)


def test_captured_in_part_the_rest_is_free(purse: Purse, hold: Hold) -> None:
    capture(hold, 250)
    assert amounts(purse) == (750, 0, 750)
    with pytest.raises(IllegalHoldTransition):
        capture(hold, 1, key="ride-2")


def test_captured_piece_by_piece(purse: Purse, hold: Hold) -> None:
    capture(hold, 250, final=False)
    assert amounts(purse) == (750, 350, 400)
    with pytest.raises(HoldExceeded) as refusal:
        capture(hold, 351, key="ride-2", final=False)
    assert refusal.value.data["remaining_fen"] == 350
    capture(hold, 350, key="ride-2", final=False)
    assert amounts(purse) == (400, 0, 400)
    assert Hold.objects.get(pk=hold.pk).state == State.CAPTURED


def test_released(purse: Purse, hold: Hold) -> None:
    holds.release(hold=hold, occurred_at=NOON)
    assert holds.release(hold=hold, occurred_at=NOON + HOUR).ended_at == NOON
    assert amounts(purse) == (1_000, 0, 1_000)
    with pytest.raises(IllegalHoldTransition):
        capture(hold)


def test_released_after_a_part_was_captured(purse: Purse, hold: Hold) -> None:
    capture(hold, 250, final=False)
    holds.release(hold=hold, occurred_at=NOON + HOUR)
    assert amounts(purse) == (750, 0, 750)


def test_expired_at_its_very_moment(purse: Purse, shop: LedgerAccount, hold: Hold) -> None:
    later = reserve(purse, shop, 100, key="bike-2", expires_at=NOON + 2 * HOUR)
    assert holds.expire_holds(now=NOON + HOUR - timedelta(seconds=1)) == 0
    with pytest.raises(HoldExpired):
        capture(hold, occurred_at=NOON + HOUR)
    assert holds.expire_holds(now=NOON + HOUR) == 1
    assert holds.expire_holds(now=NOON + HOUR) == 0
    assert Hold.objects.get(pk=hold.pk).state == State.EXPIRED
    assert Hold.objects.get(pk=later.pk).state == State.RESERVED
    assert amounts(purse) == (1_000, 100, 900)
    with pytest.raises(IllegalHoldTransition):
        capture(hold)
    with pytest.raises(IllegalHoldTransition):
        holds.release(hold=hold, occurred_at=NOON + HOUR)


def test_many_expire_in_sets(
    purse: Purse, shop: LedgerAccount, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    for at in range(7):
        reserve(purse, shop, 100, key=f"bike-{at}")
    monkeypatch.setattr(holds, "_SWEEP", 3)
    with django_assert_max_num_queries(12):  # three sets of a savepoint, a look, an update and its release
        assert holds.expire_holds(now=NOON + HOUR) == 7
    assert amounts(purse) == (1_000, 0, 1_000)


def test_every_step_is_repeatable_by_its_key(purse: Purse, shop: LedgerAccount, hold: Hold) -> None:
    assert reserve(purse, shop, expires_at=NOON + 2 * HOUR) == hold
    first = capture(hold, 250, final=False)
    assert capture(hold, 250, final=False) == first
    assert amounts(purse) == (750, 350, 400)
    capture(hold, 350, key="ride-2")
    assert capture(hold, 250, occurred_at=NOON + 9 * HOUR) == first
    assert reserve(purse, shop) == hold
    assert amounts(purse) == (400, 0, 400)


def test_a_key_stands_for_one_thing(purse: Purse, shop: LedgerAccount, hold: Hold) -> None:
    with pytest.raises(Conflict):
        reserve(purse, shop, 601)
    with pytest.raises(Conflict):
        reserve(purse, shop, channel="qr")
    capture(hold, 250, final=False)
    with pytest.raises(Conflict):
        capture(hold, 251)
    other = reserve(purse, shop, 100, key="bike-2")
    with pytest.raises(Conflict):
        capture(other, 100)
    assert amounts(purse) == (750, 450, 300)


@pytest.mark.parametrize("amount_fen", [0, -1, 2.5, 10**16])
def test_what_is_no_amount(amount_fen: Any, purse: Purse, shop: LedgerAccount, hold: Hold) -> None:
    with pytest.raises(AmountOutOfRange):
        reserve(purse, shop, amount_fen, key="bike-2")
    with pytest.raises(AmountOutOfRange):
        capture(hold, amount_fen)
    assert amounts(purse) == (1_000, 600, 400)


@translation.override("en")
def test_a_hold_needs_a_live_card_an_open_account_and_time(
    card: Card, purse: Purse, shop: LedgerAccount
) -> None:
    with pytest.raises(NoAccountPurse):
        reserve(card.purse, shop)
    with pytest.raises(InvalidField, match="ends after"):
        reserve(purse, shop, expires_at=NOON)
    set_account_state(account=purse.account, state="frozen", actor=CLERK, reason="court order")
    with pytest.raises(AccountNotOpen):
        reserve(purse, shop)
    set_account_state(account=purse.account, state="open", actor=CLERK, reason="lifted")
    cards.mark_lost(card=card, actor=CLERK, reason="", occurred_at=NOON)
    with pytest.raises(CardNotActive):
        reserve(purse, shop)
    assert not Hold.objects.exists()


def test_what_was_reserved_before_the_loss_is_still_paid(card: Card, purse: Purse, hold: Hold) -> None:
    cards.mark_lost(card=card, actor=CLERK, reason="", occurred_at=NOON)
    payment = capture(hold)
    refund_payment(
        payment=payment, amount_fen=600, key="r", actor=CLERK, reason="broken bike", occurred_at=NOON
    )
    assert amounts(purse) == (1_000, 0, 1_000)


def test_a_frozen_account_keeps_the_hold_as_it_is(purse: Purse, hold: Hold) -> None:
    set_account_state(account=purse.account, state="frozen", actor=CLERK, reason="court order")
    with pytest.raises(AccountNotOpen):
        capture(hold)
    assert amounts(purse) == (1_000, 600, 400)
    assert Hold.objects.get(pk=hold.pk).state == State.RESERVED


RAW_HOLD = (
    "INSERT INTO accounts_hold (key, purse_id, payee_id, amount_fen, captured_fen, state, channel, counted_on, reason,"
    " actor, occurred_at, expires_at) SELECT 'raw', purse_id, payee_id, {amount}, 0, 'reserved', channel, counted_on,"
    " reason, actor, occurred_at, expires_at FROM accounts_hold"
)


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE accounts_purse SET held_fen = 0 WHERE kind = 'account'", "purse_held_by_holds"),
        ("UPDATE accounts_purse SET held_fen = held_fen + 1 WHERE kind = 'account'", "purse_held_by_holds"),
        ("UPDATE accounts_hold SET amount_fen = 1", "hold_one_way"),
        ("UPDATE accounts_hold SET purse_id = purse_id + 1", "hold_one_way"),
        ("UPDATE accounts_hold SET expires_at = now() + interval '1 year'", "hold_one_way"),
        ("UPDATE accounts_hold SET captured_fen = 601", "hold_amounts_sane"),
        ("UPDATE accounts_hold SET captured_fen = -1", "hold_one_way"),
        ("UPDATE accounts_hold SET state = 'captured', ended_at = now()", "hold_state_has_its_facts"),
        ("UPDATE accounts_hold SET state = 'gone', ended_at = now()", "hold_state_has_its_facts"),
        ("DELETE FROM accounts_hold", None),
        (RAW_HOLD.format(amount=401), "purse_floor"),
        (RAW_HOLD.format(amount=-401), "hold_amounts_sane"),
    ],
)
def test_raw_sql_cannot_falsify_what_is_held(
    statement: str, rule: str | None, purse: Purse, hold: Hold
) -> None:
    with (
        pytest.raises(IntegrityError) as refusal,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert refusal.value.__cause__.diag.constraint_name == rule  # type: ignore[union-attr]
    assert amounts(purse) == (1_000, 600, 400)


def test_raw_sql_does_not_bring_an_ended_hold_back(purse: Purse, hold: Hold) -> None:
    holds.release(hold=hold, occurred_at=NOON)
    for state in State.values:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE accounts_hold SET state = %s, ended_at = NULL", [state])
    assert amounts(purse) == (1_000, 0, 1_000)


def test_whatever_raw_sql_does_to_holds_the_purse_follows(
    purse: Purse, shop: LedgerAccount, hold: Hold
) -> None:
    reserve(purse, shop, 300, key="bike-2")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_hold SET captured_fen = captured_fen + 50")
    assert amounts(purse) == (1_000, 800, 200)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_hold SET state = 'released', ended_at = now()")
    assert amounts(purse) == (1_000, 0, 1_000)
