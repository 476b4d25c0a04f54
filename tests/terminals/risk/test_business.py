"""Forged records, refunds, split top-ups, night trade: at the threshold nothing is found, one beyond it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from accounts.models import Card, RiskRule, TopUpOrder
from accounts.services import payments, topup
from accounts.services.payments import refund_payment
from citizencard.core.calendar import shanghai
from terminals.models import Merchant, Refusal, TradingHours
from terminals.services.acceptance import accept_batch
from terminals.wire.txn import MEDIA_TYPE as TXN
from terminals.wire.txn import build_txn
from tests.accounts.refunds import stories
from tests.factories import CLERK, NOON, make_citizen, make_order
from tests.terminals.risk.town import Town, found_by, rider

pytestmark = pytest.mark.django_db


def forged(town: Town, place: str, card: Card, count: int) -> None:
    """Records whose TAC the card never gave."""
    field = town.at[place]
    records = [replace(field.tap(card, atc), tac="DEADBEEF") for atc in range(count)]
    town.upload(place, records)


def test_wrong_tacs_by_terminal_and_by_card(town: Town, card: Card) -> None:
    other = rider()
    forged(town, "bus1", card, 2)
    forged(town, "bus2", card, 1)
    forged(town, "bus2", other, 1)
    town.tap(card, 0)

    def found(terminal_max: int, card_max: int) -> dict[tuple[str, str], int]:
        alerts = found_by(RiskRule.TAC, terminal_max=terminal_max, card_max=card_max)
        assert all(
            len(alert.facts["evidence"]["refusals"]) == alert.facts["figures"]["failures"] for alert in alerts
        )
        return {(alert.subject_kind, alert.subject): alert.facts["figures"]["failures"] for alert in alerts}

    bus1, bus2 = (("terminal", str(town.at[name].terminal.pk)) for name in ("bus1", "bus2"))
    assert Refusal.objects.filter(code="bad_tac").count() == 4
    assert found(2, 3) == {}
    assert found(1, 3) == {bus1: 2, bus2: 2}
    assert found(2, 2) == {("card", str(card.pk)): 3}
    assert found(9, 0) == {("card", str(card.pk)): 3, ("card", str(other.pk)): 1}


def test_a_wrong_tac_in_fixed_columns_names_its_card_too(town: Town, card: Card) -> None:
    field = town.at["bus1"]
    record = replace(field.tap(card, 7), tac="DEADBEEF")
    accept_batch(terminal=field.terminal, body=build_txn("X1", [record]), media_type=TXN)
    (alert,) = found_by(RiskRule.TAC, terminal_max=1, card_max=0)
    assert alert.card == card


def test_many_refunds_by_one_officer_or_to_one_payee(open_day: object) -> None:
    for count in range(3):
        card = stories.anonymous_card()
        stories.ask(
            card,
            actor="zhang" if count else CLERK,
            payee="acct_1" if count else "",
            chip=stories.shown(10_000),
        )

    def found(officer_max: int, payee_max: int) -> dict[str, int]:
        alerts = found_by(RiskRule.REFUNDS, officer_max=officer_max, payee_max=payee_max, merchant_max=9)
        return {alert.subject: alert.facts["figures"]["refunds"] for alert in alerts}

    assert found(2, 2) == {}
    assert found(1, 2) == {"zhang": 2}
    assert found(2, 1) == {"acct_1": 2}


def test_refunds_are_counted_on_their_day(open_day: object) -> None:
    stories.ask(stories.anonymous_card(), chip=stories.shown(10_000))
    values = {"officer_max": 0, "payee_max": 0, "merchant_max": 0}
    assert len(found_by(RiskRule.REFUNDS, **values)) == 1
    for days in (-1, 1):
        assert found_by(RiskRule.REFUNDS, day=(NOON + timedelta(days=days)).date(), **values) == []


def test_a_merchant_who_gives_back_again_and_again(town: Town) -> None:
    card = stories.named_card()
    stories.pay_online(card, 5_000)
    shop = Merchant.objects.get(code="SHOP")
    common = {"actor": "shop", "occurred_at": NOON}
    for count in range(2):
        paid = payments.pay(
            purse=payments.account_purse(card),
            payee=shop.payable_id,
            amount_fen=100,
            key=f"p{count}",
            channel="shop",
            **common,
        )  # type: ignore[arg-type]  # by name
        refund_payment(payment=paid, amount_fen=100, key=f"r{count}", reason="wrong size", **common)  # type: ignore[arg-type]
    values = {"officer_max": 9, "payee_max": 9}
    assert found_by(RiskRule.REFUNDS, merchant_max=2, **values) == []
    (alert,) = found_by(RiskRule.REFUNDS, merchant_max=1, **values)
    assert (alert.subject_kind, alert.subject) == ("merchant", str(shop.pk))


def bought(card: Card, *amounts_fen: int) -> None:
    for amount_fen in amounts_fen:
        topup.receive_cash(order=make_order(card=card, amount_fen=amount_fen), actor=CLERK)


def test_top_ups_split_below_the_limit(open_day: object, demo_keys: object) -> None:
    """The limit is 100 yuan here, near it is from 90 on, three times."""
    citizen = make_citizen()
    from tests.factories import make_card

    named, near, two, cheap, split = make_card(citizen=citizen), rider(0 + 1), rider(1), rider(1), rider(1)
    bought(near, 9_000, 9_999, 9_000)
    bought(two, 9_500, 8_999, 9_500 - 9_000)
    bought(cheap, 100, 100, 100, 100)
    bought(split, 4_000, 3_000, 3_000)
    bought(named, 9_000, 9_000, 9_500)
    today = shanghai(TopUpOrder.objects.latest("paid_at").paid_at).date()  # type: ignore[arg-type]
    alerts = found_by(RiskRule.SPLIT, day=today, near_fen=9_000, limit_fen=10_000, times=3)
    found = {(alert.subject_kind, alert.subject): alert.facts["figures"] for alert in alerts}
    assert found == {
        ("card", str(near.pk)): {"orders": 3, "near": 3, "fen": 27_999},
        ("card", str(two.pk)): {"orders": 3, "near": 1, "fen": 18_999},
        ("card", str(split.pk)): {"orders": 3, "near": 0, "fen": 10_000},
        ("buyer", str(citizen.pk)): {"orders": 3, "near": 3, "fen": 27_500},
    }
    stricter = {"day": today, "near_fen": 9_000, "limit_fen": 10_001, "times": 3}
    assert ("card", str(split.pk)) not in {
        (alert.subject_kind, alert.subject)
        for alert in found_by(RiskRule.SPLIT, **stricter)  # type: ignore[arg-type]
    }
    assert found_by(RiskRule.SPLIT, day=today, near_fen=9_000, limit_fen=100_000, times=4) == []


def at(clock: str) -> timedelta:
    hours, minutes = map(int, clock.split(":"))
    return timedelta(hours=hours - 12, minutes=minutes)


def test_trade_outside_the_hours(town: Town, card: Card) -> None:
    """Opens at eight and closes at ten in the evening: at 8:00 it is open, at 22:00 it is not."""
    for atc, clock in enumerate(("08:00", "21:59", "22:00", "07:59")):
        town.tap(card, atc, "shop", when=NOON + at(clock))
    town.tap(card, 4, "bus1", when=NOON + at("03:00"))
    shop = Merchant.objects.get(code="SHOP")
    usual = {"shop": ["08:00", "22:00"]}

    def late(taps_max: int = 0, fen_max: int = 10_000, **hours: list[str]) -> list[tuple[int, int]]:
        alerts = found_by(RiskRule.NIGHT, hours=hours or usual, taps_max=taps_max, fen_max=fen_max)
        assert {alert.subject for alert in alerts} <= {str(shop.pk)}
        return [(alert.facts["figures"]["taps"], alert.facts["figures"]["fen"]) for alert in alerts]

    assert late() == [(2, 400)]
    assert late(taps_max=2) == []
    assert late(taps_max=2, fen_max=399) == [(2, 400)]
    assert late(taps_max=2, fen_max=400) == []
    assert late(shop=["22:00", "08:00"]) == [(2, 400)]
    assert late(shop=["00:00", "00:00"]) == []
    assert late(park=["08:00", "22:00"]) == []
    TradingHours.objects.create(
        merchant=shop, valid_from=NOON.date(), opens=time(7), closes=time(23), legal_basis="contract"
    )
    assert late() == []
