"""The application's own role needs no more than it has: every step of a purse with its rights, and none past them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from accounts.models import LedgerAccount, Purse
from accounts.services import holds
from accounts.services.payments import pay, refund_payment
from citizencard.core.roles import APP_ROLE
from tests.accounts.purses.filling import fresh
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_application(purse: Purse, shop: LedgerAccount) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {APP_ROLE}")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")


@pytest.mark.usefixtures("as_application")
def test_the_application_pays_reserves_and_gives_back(purse: Purse, shop: LedgerAccount) -> None:
    common: dict[str, Any] = {"actor": "shop", "occurred_at": NOON}
    payment = pay(purse=purse, payee=shop.pk, amount_fen=300, key="p", channel="qr", **common)
    refund_payment(payment=payment, amount_fen=100, key="r", reason="", **common)
    wanted: dict[str, Any] = {"purse": purse, "payee": shop.pk, "channel": "bike", "reason": ""}
    taken, freed, late = (
        holds.reserve(key=key, amount_fen=50, expires_at=NOON + timedelta(hours=1), **(wanted | common))
        for key in "abc"
    )
    holds.capture(hold=taken, amount_fen=50, key="c", **common)
    holds.release(hold=freed, occurred_at=NOON)
    assert holds.expire_holds(now=late.expires_at) == 1
    now = fresh(purse)
    assert (now.balance_fen, now.held_fen) == (750, 0)


@pytest.mark.usefixtures("as_application")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_purse SET held_fen = 0",
        "UPDATE accounts_hold SET amount_fen = 1",
        "DELETE FROM accounts_hold",
        "UPDATE accounts_payment SET amount_fen = 1",
        "DELETE FROM accounts_paymentrefund",
        "UPDATE accounts_limitpolicy SET limit_fen = 1",
        "ALTER TABLE accounts_hold DISABLE TRIGGER one_way",
    ],
)
def test_the_application_may_not_go_past_the_rules(statement: str) -> None:
    with (
        pytest.raises(ProgrammingError, match=r"denied|owner"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
