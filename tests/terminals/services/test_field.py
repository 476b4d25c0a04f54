"""Registering the field: once, idempotent, and nothing half."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from accounts.errors import IllegalCardTransition
from accounts.models import Card, LedgerAccount
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.models import AuditEntry, BusinessDay
from terminals.errors import TariffWrong, TerminalTaken
from terminals.models import HotListEntry, Merchant, Terminal
from terminals.selectors.hotlist import hot_list_version, packed_list
from terminals.services.field import (
    publish_tariff,
    register_merchant,
    register_terminal,
)
from terminals.services.fleet import revoke_terminal
from terminals.services.hotlist import report_loss
from terminals.services.publishing import publish_hot_list
from tests.factories import CLERK, NOON, make_card

pytestmark = pytest.mark.django_db
SHOP: dict[str, Any] = {"code": "S1", "name": "便利店", "channel": "shop"}
FLAT: dict[str, Any] = {
    "code": "F",
    "name": "一票制",
    "kind": "flat",
    "rule": {"fare_fen": 200},
    "valid_from": date(2026, 1, 1),
    "legal_basis": "test",
}


def test_a_merchant_comes_with_its_accounts_and_comes_once() -> None:
    merchant = register_merchant(**SHOP)
    assert register_merchant(**SHOP) == merchant
    assert set(LedgerAccount.objects.values_list("code", flat=True)) == {"2202.S1", "2203.S1"}
    with pytest.raises(Conflict):
        register_merchant(**SHOP | {"name": "超市"})
    with pytest.raises(InvalidField):
        register_merchant(**SHOP | {"code": "S2", "channel": "moon"})
    assert Merchant.objects.count() == 1


def test_a_tariff_is_dated_and_never_rewritten() -> None:
    tariff = publish_tariff(**FLAT)
    assert publish_tariff(**FLAT) == tariff
    with pytest.raises(Conflict):
        publish_tariff(**FLAT | {"rule": {"fare_fen": 300}})
    assert publish_tariff(**FLAT | {"rule": {"fare_fen": 300}, "valid_from": date(2027, 1, 1)}) != tariff
    with pytest.raises(TariffWrong):
        publish_tariff(**FLAT | {"rule": {"fare_fen": "2"}, "valid_from": date(2028, 1, 1)})


@pytest.fixture
def terminal() -> dict[str, Any]:
    publish_tariff(**FLAT)
    return {
        "code": "T1",
        "merchant": register_merchant(**SHOP),
        "place": "till",
        "tariff_code": "F",
        "terminal_no": "0000000000AB",
        "public_key": bytes(32),
    }


def test_a_terminal_is_registered_once(terminal: dict[str, Any]) -> None:
    first = register_terminal(**terminal)
    assert register_terminal(**terminal) == first
    for change in ({"code": "T2"}, {"terminal_no": "0000000000AC"}, {"public_key": b"1" * 32}):
        with pytest.raises(TerminalTaken):
            register_terminal(**terminal | change)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"terminal_no": "ab"}, InvalidField),
        ({"terminal_no": "0000000000ab"}, InvalidField),
        ({"public_key": b"1"}, InvalidField),
        ({"tariff_code": "none"}, TariffWrong),
    ],
)
def test_a_wrong_terminal_is_refused(
    terminal: dict[str, Any], change: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        register_terminal(**terminal | change)
    assert not Terminal.objects.exists()


def test_revoking_is_audited(terminal: dict[str, Any]) -> None:
    revoke_terminal(terminal=register_terminal(**terminal), actor=CLERK, reason="stolen")
    assert Terminal.objects.get().state == Terminal.State.REVOKED
    assert AuditEntry.objects.get(action="terminal.revoke").detail == {
        "reason": "stolen",
        "before": "active",
        "after": "revoked",
    }


def test_a_loss_is_listed_once_and_audited(open_day: BusinessDay) -> None:
    card = make_card()
    entry = report_loss(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
    assert report_loss(card=card, actor=CLERK, reason="again", occurred_at=NOON) == entry
    card.refresh_from_db()
    assert card.state == Card.State.LOST
    publish_hot_list()
    assert packed_list(None).get(card.pan) == NOON
    assert hot_list_version() == entry.version
    assert AuditEntry.objects.filter(action="report_loss").count() == 1


def test_a_card_nobody_holds_cannot_be_lost(open_day: BusinessDay) -> None:
    card = make_card(state=Card.State.PERSONALISED)
    with pytest.raises(IllegalCardTransition):
        report_loss(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
    assert not HotListEntry.objects.exists()
