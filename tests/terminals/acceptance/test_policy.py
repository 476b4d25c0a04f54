"""What lies beyond the policy of its own date is debited and held: limit of a purchase, tariff of the day, lateness."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection

from accounts.models import Card, CardProduct, LedgerAccount, Purse, Transfer
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.models import AuditEntry
from settlement.selectors.audit import broken_invariants
from terminals.fares.ceiling import ceiling_fen
from terminals.fares.tariffs import parse_tariff
from terminals.models import AcceptancePolicy, Refusal, Tap
from terminals.selectors.completeness import exceptions_by_reason
from terminals.services.acceptance import accept_batch, accept_tap
from terminals.services.acceptance_policy import publish_acceptance_policy
from terminals.services.field import publish_tariff
from terminals.services.hotlist import report_loss
from terminals.wire.batch import build_batch
from tests.factories import NOON
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db

POLICY: dict[str, Any] = {
    "channel": "bus",
    "valid_from": date(2026, 1, 1),
    "purchase_limit_fen": 5_000,
    "late_days": 30,
    "hold_over_price": False,
    "legal_basis": "test",
    "actor": "test",
}
SOON = NOON + timedelta(hours=1)
Outcome = Tap.Outcome


def outcomes(field: Field, *taps: object, now: object = SOON) -> dict[int, int]:
    """Outcome by card counter, of one more upload."""
    number = f"B{Tap.objects.count()}"
    accept_batch(terminal=field.terminal, body=build_batch(number, taps), now=now)  # type: ignore[arg-type]
    return dict(Tap.objects.values_list("atc", "outcome"))


def test_a_purchase_beyond_the_limit_of_its_date_is_debited_and_held(field: Field, card: Card) -> None:
    publish_acceptance_policy(**POLICY)
    publish_acceptance_policy(**POLICY | {"valid_from": date(2026, 3, 2), "purchase_limit_fen": 4_000})
    before = NOON - timedelta(days=1)
    found = outcomes(
        field,
        field.tap(card, 1, 4_001, occurred_at=before),
        field.tap(card, 2, 4_000),
        field.tap(card, 3, 4_001),
    )
    assert found == {1: Outcome.ACCEPTED, 2: Outcome.ACCEPTED, 3: Outcome.OVER_LIMIT}
    held = Tap.objects.get(atc=3)
    transfer = Transfer.objects.get(source_id=held.id, kind=Transfer.Kind.PURCHASE_HELD)
    assert transfer.amount_fen == 4_001
    assert exceptions_by_reason() == {"over_limit": 1}
    assert broken_invariants() == []


def test_what_is_held_moves_the_purse_into_suspense(field: Field, card: Card) -> None:
    publish_acceptance_policy(**POLICY)
    outcomes(field, field.tap(card, 1, 5_001))
    assert Purse.objects.get(card=card).balance_fen == 4_999
    moved = Transfer.objects.get(kind=Transfer.Kind.PURCHASE_HELD)
    accounts = dict(LedgerAccount.objects.values_list("id", "code"))
    assert (accounts[moved.debit_id], accounts[moved.credit_id]) == (card.purse.account.code, "2241")


def test_a_purchase_that_comes_too_late_waits_in_suspense(field: Field, card: Card) -> None:
    publish_acceptance_policy(**POLICY | {"late_days": 7})
    taps = [field.tap(card, 1), field.tap(card, 2, occurred_at=NOON + timedelta(seconds=1))]
    found = outcomes(field, *taps, now=NOON + timedelta(days=7, seconds=1))
    assert found == {1: Outcome.ACCEPTED, 2: Outcome.ACCEPTED}
    assert outcomes(field, field.tap(card, 3, occurred_at=NOON), now=NOON + timedelta(days=7, seconds=1))[
        3
    ] == (Outcome.LATE)
    assert broken_invariants() == []


def test_an_amount_the_tariff_cannot_come_to_is_held(field: Field, card: Card) -> None:
    """The terminal's flat fare is 200, and 300 from 2 March on."""
    publish_acceptance_policy(**POLICY | {"hold_over_price": True})
    dear = {"code": "flat", "name": "dear", "kind": "flat", "legal_basis": "test"}
    publish_tariff(**dear, rule={"fare_fen": 300}, valid_from=date(2026, 3, 2))
    before = NOON - timedelta(days=1)
    found = outcomes(
        field,
        field.tap(card, 1, 200, occurred_at=before),
        field.tap(card, 2, 201, occurred_at=before),
        field.tap(card, 3, 300),
        field.tap(card, 4, 301),
        field.tap(card, 5, 0),
    )
    assert found == {1: 1, 2: Outcome.OVER_PRICE, 3: 1, 4: Outcome.OVER_PRICE, 5: 1}
    assert broken_invariants() == []


def test_without_a_policy_of_its_date_nothing_is_beyond(field: Field, card: Card) -> None:
    publish_acceptance_policy(**POLICY | {"valid_from": date(2026, 3, 3), "hold_over_price": True})
    publish_acceptance_policy(**POLICY | {"channel": "shop"})
    assert outcomes(field, field.tap(card, 1, 9_000), now=NOON + timedelta(days=400)) == {1: Outcome.ACCEPTED}


def test_what_weighs_more_comes_first(field: Field, card: Card) -> None:
    publish_acceptance_policy(**POLICY | {"late_days": 1, "hold_over_price": True})
    clone = field.tap(card, 1, 6_000)
    taps = [field.tap(card, 1), clone, field.tap(card, 2, 6_000), field.tap(card, 3, 6_000, occurred_at=NOON)]
    report_loss(card=card, actor="clerk", reason="lost", occurred_at=NOON + timedelta(seconds=3))
    listed = field.tap(card, 4, 6_000, occurred_at=NOON + timedelta(hours=23))
    body = build_batch("B", [*taps, listed])
    accept_batch(terminal=field.terminal, body=body, now=NOON + timedelta(days=1, seconds=2))
    found = list(Tap.objects.order_by("line").values_list("outcome", flat=True))
    assert found == [
        Outcome.LATE,
        Outcome.COUNTER_CONFLICT,
        Outcome.OVER_LIMIT,
        Outcome.LATE,
        Outcome.HOT_LISTED,
    ]
    assert broken_invariants() == []


def test_an_online_purchase_is_judged_alike(field: Field, card: Card) -> None:
    publish_acceptance_policy(**POLICY | {"late_days": 4_000})
    answer = accept_tap(terminal=field.terminal, body=field.tap(card, 1, 5_001).to_json().encode()).answer
    assert (answer["result"], answer["reason"]["code"]) == ("suspended", "over_limit")


def test_test_cards_are_refused_in_production_only(field: Field, card: Card, settings: Any) -> None:
    CardProduct.objects.filter(pk=card.product_id).update(test_only=True)
    assert outcomes(field, field.tap(card, 1)) == {1: Outcome.ACCEPTED}
    settings.PRODUCTION = True
    assert outcomes(field, field.tap(card, 2)) == {1: Outcome.ACCEPTED}
    assert Refusal.objects.get().code == "test_card"
    assert Purse.objects.get(card=card).balance_fen == 9_800
    assert broken_invariants() == []


@pytest.mark.parametrize(
    ("kind", "rule", "most"),
    [
        ("flat", {"fare_fen": 200}, 200),
        ("free", {}, 0),
        ("entered", {"max_fen": 900}, 900),
        ("section", {"sections": {"A": 1, "B": 3}, "fares_fen": [100, 200, 300, 400]}, 300),
        ("pair", {"stations": {"1": "a", "2": "b"}, "fares": {"1-2": 700}, "max_fen": 600}, 700),
        ("time", {"free_minutes": 0, "step_minutes": 60, "step_fen": 500, "cap_fen": 3_000}, None),
    ],
)
def test_the_most_a_tariff_can_ask(kind: str, rule: dict[str, object], most: int | None) -> None:
    assert ceiling_fen(parse_tariff(kind, rule)) == most


def test_a_policy_is_published_once_and_never_changed() -> None:
    policy = publish_acceptance_policy(**POLICY)
    assert publish_acceptance_policy(**POLICY) == policy
    with pytest.raises(Conflict):
        publish_acceptance_policy(**POLICY | {"late_days": 31})
    for wrong in ({"channel": "moon"}, {"late_days": 0}, {"purchase_limit_fen": 0}, {"legal_basis": " "}):
        with pytest.raises(InvalidField) as refused:
            publish_acceptance_policy(**POLICY | {"valid_from": date(2027, 1, 1)} | wrong)
        assert refused.value.data["field"] in wrong
    assert AcceptancePolicy.objects.count() == 1
    assert AuditEntry.objects.filter(action="acceptance_policy.publish").count() == 1
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="append-only"):
        cursor.execute("UPDATE terminals_acceptancepolicy SET late_days = 1")
