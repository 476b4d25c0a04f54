"""What came too late, and what nobody decided in time, is not charged: it goes back where it came from, once."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Card, Purse
from accounts.services.ledger import set_account_state
from settlement.selectors.audit import broken_invariants
from terminals.models import HeldProposal, HeldResolution, Tap, WaitingPurchase
from terminals.selectors.statement import card_statement
from terminals.services.held import propose_purchase, settle_held, settle_hot_listed, settle_in_time
from terminals.services.hotlist import report_loss
from terminals.services.publishing import publish_hot_list
from tests.factories import CLERK, NOON, fill_purse, make_card, make_citizen, make_product
from tests.terminals.field import Field
from tests.terminals.held.held_city import LATER, balance, held, publish_terms, purse_fen, upload
from tests.terminals.lists.mandate import promised

pytestmark = pytest.mark.django_db
Outcome = Tap.Outcome
DECIDABLE = (Outcome.COUNTER_CONFLICT, Outcome.OVER_LIMIT, Outcome.OVER_PRICE)


def test_what_came_too_late_goes_back_without_anybody(terms: Field, card: Card) -> None:
    tap = held(terms, card, Outcome.LATE, 200)
    assert (purse_fen(card), balance("2241")) == (9_800, 200)
    assert settle_in_time(now=NOON) == 1
    done = HeldResolution.objects.get()
    assert (done.tap_id, done.rule, done.party, done.paid_fen) == (tap.id, "late", "operator", 0)
    assert done.terms is not None
    assert done.terms.legal_basis == "公交受理规程 4.2"
    assert (purse_fen(card), balance("2241"), balance("2202.BUS")) == (10_000, 0, 0)
    assert settle_in_time(now=LATER) == 0
    assert broken_invariants() == []


@pytest.mark.parametrize("outcome", DECIDABLE)
def test_what_nobody_decides_goes_back_when_its_days_are_over(
    terms: Field, card: Card, outcome: Outcome
) -> None:
    tap = held(terms, card, outcome, 6_000 if outcome == Outcome.OVER_LIMIT else 300)
    proposal = propose_purchase(tap_id=tap.id, paid_fen=100, actor="anna", reason="looks right")
    due = tap.received_at + timedelta(days=30)
    assert WaitingPurchase.objects.get().due_at == due
    assert settle_in_time(now=due - timedelta(seconds=1)) == 0
    assert settle_in_time(now=due) == 1
    done = HeldResolution.objects.get()
    assert (done.rule, done.party, done.paid_fen) == ("not_decided", "operator", 0)
    assert HeldProposal.objects.get(pk=proposal.pk).state == HeldProposal.State.LAPSED
    assert (purse_fen(card), balance("2241"), balance("1221")) == (10_000, 0, 0)
    assert broken_invariants() == []


def test_the_days_are_those_of_the_purchases_own_date(terms: Field, card: Card) -> None:
    publish_terms(valid_from=date(2026, 3, 3), decide_days=1)
    held(terms, card, Outcome.OVER_PRICE, 300)
    assert settle_in_time(now=NOON + timedelta(days=2)) == 0


def test_without_a_policy_it_waits_for_people(field: Field, card: Card) -> None:
    held(field, card, Outcome.COUNTER_CONFLICT, 300)
    assert settle_in_time(now=NOON + timedelta(days=4_000)) == 0
    assert WaitingPurchase.objects.get().due_at is None


def test_a_claim_closes_where_the_purse_never_paid(terms: Field) -> None:
    poor = make_card()
    fill_purse(poor, 100)
    held(terms, poor, Outcome.LATE, 200)
    assert (purse_fen(poor), balance("1221")) == (100, 200)
    settle_in_time(now=NOON)
    assert (purse_fen(poor), balance("1221"), balance("2241")) == (100, 0, 0)
    assert broken_invariants() == []


def test_it_follows_the_holder_to_another_card(terms: Field) -> None:
    citizen = make_citizen()
    closed = make_card(product=make_product(real_name=True, code="old", account_limit_fen=0), citizen=citizen)
    other = make_card(
        product=make_product(real_name=True, code="new", account_limit_fen=50_000), citizen=citizen
    )
    fill_purse(closed, 1_000)
    held(terms, closed, Outcome.LATE, 200)
    set_account_state(account=closed.purse.account, state="closed", actor=CLERK, reason="test")
    settle_in_time(now=NOON)
    assert Purse.objects.get(card=other, kind=Purse.Kind.ACCOUNT).balance_fen == 200


def two_lost_cards_of_one_holder(field: Field) -> Purse:
    """Both have paid 200 after their loss and are closed; what comes back has room for one of them in the online purse."""
    promised(30)
    citizen = make_citizen()
    other = make_card(
        product=make_product(real_name=True, code="new", account_limit_fen=300), citizen=citizen
    )
    for code in ("old", "older"):
        product = make_product(real_name=True, code=code, account_limit_fen=0)
        lost = make_card(product=product, citizen=citizen)
        fill_purse(lost, 1_000)
        report_loss(card=lost, actor=CLERK, reason="lost", occurred_at=NOON)
        publish_hot_list(now=NOON)
        used = NOON + timedelta(hours=1)
        upload(field, field.tap(lost, 1, occurred_at=used), now=used)
        set_account_state(account=lost.purse.account, state="closed", actor=CLERK, reason="test")
    return Purse.objects.get(card=other, kind=Purse.Kind.ACCOUNT)


def test_two_that_find_room_for_one_do_not_stop_the_others(field: Field) -> None:
    online = two_lost_cards_of_one_holder(field)
    third = make_card()
    fill_purse(third, 1_000)
    report_loss(card=third, actor=CLERK, reason="lost", occurred_at=NOON)
    upload(field, field.tap(third, 1, occurred_at=NOON + timedelta(minutes=5)))
    assert settle_hot_listed() == 2
    online.refresh_from_db()
    assert (online.balance_fen, balance("2241"), balance("2202.BUS")) == (200, 200, 200)
    assert settle_hot_listed() == 0
    assert broken_invariants() == []


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    filled_fen=st.integers(0, 900),
    rides=st.lists(
        st.tuples(st.sampled_from((Outcome.LATE, Outcome.OVER_PRICE)), st.integers(201, 400)),
        min_size=1,
        max_size=5,
    ),
)
def test_nothing_is_lost_and_nothing_comes_back_twice(
    terms: Field, filled_fen: int, rides: list[tuple[Outcome, int]]
) -> None:
    with transaction.atomic():
        card = make_card()
        if filled_fen:
            fill_purse(card, filled_fen)
        for atc, (outcome, amount_fen) in enumerate(rides, 1):
            held(terms, card, outcome, amount_fen, atc)
        late = sum(outcome == Outcome.LATE for outcome, _ in rides)
        assert settle_in_time(now=NOON) == late
        waiting = sum(amount_fen for outcome, amount_fen in rides if outcome != Outcome.LATE)
        assert balance("2241") == waiting
        assert settle_held(now=LATER).in_time == len(rides) - late
        assert (purse_fen(card), balance("2241"), balance("1221")) == (filled_fen, 0, 0)
        assert broken_invariants() == []
        transaction.set_rollback(True)


def test_the_statements_are_as_many_for_one_as_for_many(terms: Field) -> None:
    counts = []
    for rides in (1, 9):
        cards = [make_card() for _ in range(rides)]
        for card in cards:
            fill_purse(card, 1_000)
            held(terms, card, Outcome.LATE, 200)
        with CaptureQueriesContext(connection) as asked:
            assert settle_in_time(now=NOON) == rides
        counts.append(len(asked))
    assert counts[1] <= counts[0]


def test_the_holder_reads_what_came_back(terms: Field) -> None:
    card = make_card(product=make_product(code="plain"))
    fill_purse(card, 1_000)
    held(terms, card, Outcome.LATE, 200)
    settle_in_time(now=NOON)
    lines = card_statement(card=card)
    assert [(line.kind, line.amount_fen, line.ended) for line in lines] == [
        ("returned", 200, "late"), ("purchase", -200, "late"),
    ]  # fmt: skip
    assert lines[0].balance_fen == 0
