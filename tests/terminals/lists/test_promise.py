"""The promise after a loss report: what it says about every moment, who bears what, and that it is booked once."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Card, LedgerAccount, Purse
from accounts.selectors.balances import account_balance_fen
from accounts.services.ledger import set_account_state
from settlement.selectors.audit import broken_invariants
from settlement.services.clearing import clear_day
from terminals.models import HeldResolution
from terminals.selectors.statement import card_statement
from terminals.services.acceptance import accept_batch
from terminals.services.held import settle_hot_listed
from terminals.services.hotlist import recover_card, report_loss
from terminals.services.policies import publish_hot_list_policy
from terminals.services.publishing import publish_hot_list
from terminals.wire.batch import build_batch
from tests.factories import CLERK, NOON, fill_purse, make_card, make_citizen, make_product
from tests.fixtures_accounts import TODAY
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db
PROMISE, GRACE = 30, 10
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def policy(field: Field) -> None:
    publish_hot_list_policy(
        valid_from=date(2026, 1, 1),
        promise_minutes=PROMISE,
        grace_minutes=GRACE,
        legal_basis="市民卡服务承诺 3.2",
        actor=CLERK,
    )


def lose(card: Card, published: int | None = 0) -> None:
    """Reported lost at noon and published so many minutes later, or never."""
    report_loss(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
    if published is not None:
        publish_hot_list(now=NOON + published * MINUTE)


def ride(field: Field, card: Card, *minutes: int, amount_fen: int = 200) -> None:
    taps = [
        field.tap(card, atc, amount_fen, occurred_at=NOON + at * MINUTE) for atc, at in enumerate(minutes, 1)
    ]
    accept_batch(terminal=field.terminal, body=build_batch(f"B-{card.pk}", taps))


def balance(code: str) -> int:
    return account_balance_fen(LedgerAccount.objects.get(code=code).pk)


def borne(card: Card) -> dict[int, str]:
    """Who bears what, by the minute after the report."""
    done = HeldResolution.objects.order_by("tap_id")
    return {round((each.occurred_at - NOON) / MINUTE): each.party for each in done}


@pytest.mark.parametrize(
    ("published", "parties"),
    [
        (0, {1: "holder", 29: "holder", 30: "operator", 40: "operator", 600: "operator"}),
        (25, {1: "holder", 29: "holder", 30: "centre", 40: "operator", 600: "operator"}),
        (90, {1: "holder", 29: "holder", 30: "centre", 40: "centre", 600: "operator"}),
        (None, {1: "holder", 29: "holder", 30: "centre", 40: "centre", 600: "centre"}),
    ],
)
def test_who_was_late_bears_it(
    field: Field, card: Card, published: int | None, parties: dict[int, str]
) -> None:
    lose(card, published)
    ride(field, card, *parties)
    assert Purse.objects.get(card=card).balance_fen == 10_000 - 5 * 200
    assert settle_hot_listed() == 5
    assert borne(card) == parties
    counted = Counter(parties.values())
    assert Purse.objects.get(card=card).balance_fen == 10_000 - counted["holder"] * 200
    assert balance("2202.BUS") == (counted["holder"] + counted["centre"]) * 200
    assert balance("2241") == 0
    assert settle_hot_listed() == 0
    assert broken_invariants() == []


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    published=st.none() | st.integers(0, 90),
    rides=st.lists(st.integers(1, 120), min_size=1, max_size=6, unique=True),
)
def test_after_the_promise_the_holder_loses_nothing_and_no_fen_gets_lost(
    field: Field, published: int | None, rides: list[int]
) -> None:
    with transaction.atomic():
        card = make_card()
        fill_purse(card, 700)
        lose(card, published)
        ride(field, card, *sorted(rides))
        settle_hot_listed()
        early = [minute for minute in rides if minute < PROMISE]
        # What the purse could not afford is a claim, before the promise and after.
        assert Purse.objects.get(card=card).balance_fen >= 700 - 200 * min(len(early), 3)
        assert HeldResolution.objects.filter(party="holder").count() == len(early)
        assert balance("2241") == 0
        assert broken_invariants() == []
        transaction.set_rollback(True)


def test_the_tap_tells_the_rule_and_the_times(field: Field, card: Card) -> None:
    lose(card, 5)
    ride(field, card, 45)
    field.get(f"/api/v1/documents/hot_list/{publish_version()}")
    settle_hot_listed()
    done = HeldResolution.objects.get()
    assert (done.rule, done.reported_at, done.promised_at) == ("not_applied", NOON, NOON + 30 * MINUTE)
    assert done.published_at == NOON + 5 * MINUTE
    assert done.applied_at is not None
    assert done.policy.legal_basis == "市民卡服务承诺 3.2"


def publish_version() -> int:
    from terminals.selectors.hotlist import hot_list_version

    return hot_list_version()


def test_what_a_claim_was_stays_one_or_closes(field: Field) -> None:
    poor = make_card()
    lose(poor)
    ride(field, poor, 5, 60)
    assert balance("1221") == 400
    settle_hot_listed()
    assert (balance("1221"), balance("2202.BUS"), balance("2241")) == (200, 200, 0)
    assert broken_invariants() == []


def test_without_a_policy_nothing_is_decided(field: Field, card: Card) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM terminals_hotlistpolicy")
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    lose(card)
    ride(field, card, 45)
    assert settle_hot_listed() == 0
    assert balance("2241") == 200


def test_a_card_that_was_found_pays_what_it_paid(field: Field, card: Card) -> None:
    lose(card)
    ride(field, card, 45)
    recover_card(card=card, actor=CLERK, reason="in the coat", occurred_at=NOON + 60 * MINUTE)
    settle_hot_listed()
    done = HeldResolution.objects.get()
    assert (done.party, done.rule) == ("holder", "found")
    assert balance("2202.BUS") == 200


def test_the_value_goes_to_the_holders_other_purse_when_the_card_is_closed(field: Field) -> None:
    citizen = make_citizen()
    first = make_product(real_name=True, code="old", account_limit_fen=0)
    second = make_product(real_name=True, code="new", account_limit_fen=50_000)
    lost, other = (make_card(product=product, citizen=citizen) for product in (first, second))
    fill_purse(lost, 1_000)
    lose(lost)
    ride(field, lost, 45)
    account = lost.purse.account
    set_account_state(account=account, state="closed", actor=CLERK, reason="test")
    settle_hot_listed()
    online = Purse.objects.get(card=other, kind=Purse.Kind.ACCOUNT)
    assert online.balance_fen == 200
    assert HeldResolution.objects.get().returned_to_id == online.account_id


def test_without_any_place_it_waits(field: Field, card: Card) -> None:
    lose(card)
    ride(field, card, 5, 45)
    set_account_state(account=card.purse.account, state="closed", actor=CLERK, reason="test")
    assert settle_hot_listed() == 1
    assert balance("2241") == 200


def test_what_is_decided_later_is_paid_with_a_later_day(field: Field, card: Card) -> None:
    lose(card, None)
    ride(field, card, 5, 45)
    assert clear_day(day=TODAY).gross_fen == 0
    settle_hot_listed()
    run = clear_day(day=TODAY + timedelta(days=1))
    assert (run.gross_fen, broken_invariants()) == (400, [])


def test_the_statement_shows_what_came_back_and_keeps_its_balance(field: Field, card: Card) -> None:
    card = make_card(product=make_product(code="plain"))
    fill_purse(card, 1_000)
    lose(card)
    ride(field, card, 5, 45)
    settle_hot_listed()
    lines = card_statement(card=card)
    assert [(line.kind, line.amount_fen) for line in lines] == [
        ("returned", 200), ("purchase", -200), ("purchase", -200),
    ]  # fmt: skip
    assert lines[0].balance_fen == Purse.objects.get(card=card).balance_fen - 1_000


def test_the_statements_are_as_many_for_one_as_for_many(field: Field, card: Card) -> None:
    counts = []
    for rides in (1, 20):
        lost = make_card()
        fill_purse(lost, 10_000)
        lose(lost)
        ride(field, lost, *range(40, 40 + rides))
        with CaptureQueriesContext(connection) as asked:
            assert settle_hot_listed() == rides
        counts.append(len(asked))
    assert counts[1] <= counts[0]


def test_a_decision_is_never_rewritten(field: Field, card: Card) -> None:
    lose(card)
    ride(field, card, 5)
    settle_hot_listed()
    for change in (
        "DELETE FROM terminals_heldresolution",
        "UPDATE terminals_heldresolution SET party = 'centre'",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)
