"""What a chip paid beyond the books is collected when its value turns up, and from nobody else's money."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Card, TopUpOrder
from accounts.services import topup
from citizencard.core.calendar import shanghai
from citizencard.core.keyservice.keystore import KeyStore
from settlement.selectors.audit import broken_invariants
from terminals.models import ClaimResolution, Tap, WaitingPurchase
from terminals.selectors.statement import card_statement, spending_by_channel
from terminals.services.held import approve_proposal, collect_claims, propose_purchase, settle_in_time
from tests.accounts.chip import Chip
from tests.factories import CLERK, NOON, make_card, make_order
from tests.terminals.field import Field
from tests.terminals.held.held_city import balance, held, publish_terms, purse_fen, upload

pytestmark = pytest.mark.django_db


def half_loaded(keys: KeyStore, card: Card, amount_fen: int = 5_000) -> tuple[Chip, TopUpOrder, bytes]:
    """The chip has the value, and its proof has not arrived."""
    chip = Chip(keys, card)
    order = topup.receive_cash(order=make_order(card=card, amount_fen=amount_fen), actor=CLERK)
    mac2 = topup.authorise_load(order=order, when=NOON, **chip.initialise(amount_fen))
    return chip, order, chip.credit(amount_fen, mac2)


def prove(chip: Chip, order: TopUpOrder, tac: bytes) -> None:
    topup.confirm_load(order=order, tac=tac, balance_after_fen=chip.balance_fen)


def spend(field: Field, card: Card, *amounts_fen: int) -> None:
    upload(field, *(field.tap(card, atc, fen) for atc, fen in enumerate(amounts_fen, 1)))


def test_a_load_proved_late_pays_the_claim_it_left(field: Field, demo_keys: KeyStore) -> None:
    card = make_card()
    load = half_loaded(demo_keys, card)
    spend(field, card, 200)
    assert (balance("1221"), balance("2202.BUS"), collect_claims()) == (200, 200, 0)
    prove(*load)
    assert (purse_fen(card), collect_claims(), purse_fen(card)) == (5_000, 1, 4_800)
    done = ClaimResolution.objects.get()
    assert (done.rule, done.proof, done.purse_account_id) == ("collected", load[1], card.purse.account_id)
    assert (balance("1221"), balance("2202.BUS"), collect_claims()) == (0, 200, 0)
    assert broken_invariants() == []
    lines = card_statement(card=card)
    assert [(line.kind, line.amount_fen) for line in lines if line.kind != "load"] == [
        ("collected", -200), ("purchase", -200),
    ]  # fmt: skip
    assert (lines[0].balance_fen, lines[0].party) == (purse_fen(card), "BUS")
    month = shanghai(timezone.now()).date()
    assert spending_by_channel(card=card, month=month) == {"bus": 200}


def test_a_top_up_does_not_pay_for_what_the_chip_still_holds_less(field: Field, demo_keys: KeyStore) -> None:
    """The value never turned up: the top-up is on the chip as in the books, and the claim waits for people."""
    card = make_card()
    spend(field, card, 200)
    Chip(demo_keys, card).load(topup.receive_cash(order=make_order(card=card), actor=CLERK))
    # The purchase was made before the load, on a balance that nobody knows of.
    assert purse_fen(card) == 5_000
    assert WaitingPurchase.objects.get().cause == "over_balance"


def test_nothing_is_collected_while_counters_are_missing(field: Field, demo_keys: KeyStore) -> None:
    card = make_card()
    load = half_loaded(demo_keys, card)
    upload(field, field.tap(card, 1, 200), field.tap(card, 3, 300))
    prove(*load)
    assert collect_claims() == 0
    upload(field, field.tap(card, 2, 100))
    assert (collect_claims(), purse_fen(card)) == (2, 4_400)


def test_what_went_back_to_the_holder_is_not_taken_for_the_missing_value(
    field: Field, demo_keys: KeyStore
) -> None:
    publish_terms()
    card = make_card()
    Chip(demo_keys, card).load(topup.receive_cash(order=make_order(card=card, amount_fen=1_000), actor=CLERK))
    upload(field, field.tap(card, 1, 190), field.tap(card, 2, 300))
    settle_in_time(now=NOON + timedelta(days=31))
    assert purse_fen(card) == 810
    upload(field, field.tap(card, 3, 200), *(field.tap(card, atc, 200) for atc in range(4, 9)))
    claims = WaitingPurchase.objects.filter(what="claim")
    assert claims.count() == 2
    fen = purse_fen(card)
    assert (collect_claims(), purse_fen(card)) == (0, fen)


def test_the_purchase_of_a_copy_is_never_collected(field: Field, demo_keys: KeyStore) -> None:
    publish_terms()
    card = make_card()
    load = half_loaded(demo_keys, card)
    tap = held(field, card, Tap.Outcome.COUNTER_CONFLICT, 200)
    prove(*load)
    proposal = propose_purchase(tap_id=tap.id, paid_fen=200, actor="anna", reason="test")
    approve_proposal(proposal=proposal, actor="bert")
    assert (WaitingPurchase.objects.get().what, collect_claims()) == ("claim", 0)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amounts_fen=st.lists(st.integers(1, 1_200), min_size=1, max_size=6), loaded_fen=st.integers(1_000, 7_000)
)
def test_the_books_end_where_the_chip_does(
    field: Field, demo_keys: KeyStore, amounts_fen: list[int], loaded_fen: int
) -> None:
    before = balance("2202.BUS")
    card = make_card()
    load = half_loaded(demo_keys, card, loaded_fen)
    paid = [fen for at, fen in enumerate(amounts_fen) if sum(amounts_fen[: at + 1]) <= loaded_fen]
    if paid:
        spend(field, card, *paid)
    prove(*load)
    collect_claims()
    assert purse_fen(card) == loaded_fen - sum(paid)
    assert (balance("1221"), balance("2202.BUS") - before) == (0, sum(paid))
    assert broken_invariants() == []


def test_the_statements_are_as_many_for_one_as_for_many(field: Field, demo_keys: KeyStore) -> None:
    counts = []
    for cards in (1, 5):
        for _ in range(cards):
            card = make_card()
            load = half_loaded(demo_keys, card)
            spend(field, card, 200)
            prove(*load)
        with CaptureQueriesContext(connection) as asked:
            assert collect_claims() == cards
        counts.append(len(asked))
    assert counts[1] <= counts[0]
