"""What can be disputed, of each kind of charge; and that nobody gives the same fen back twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Card, TopUpOrder
from accounts.services import topup
from accounts.services.payments import account_purse, refund_payment
from citizencard.core.calendar import cut_off
from citizencard.core.errors import InvalidField
from settlement.errors import NotDisputable
from settlement.models import Dispute, Statement
from settlement.selectors.audit import broken_invariants
from settlement.services.clearing import clear_day
from settlement.services.disputes import appeal_dispute, open_dispute
from terminals.errors import AlreadyReversed, PurchaseOverRefunded
from terminals.models import Tap
from terminals.services.online.returns import Named, refund_purchase, reverse_purchase
from terminals.services.pricing import price_day
from terminals.services.ride_codes import accept_rides, issue_ride_code
from terminals.wire.rides import RideRecord, build_rides
from tests.accounts.purses.filling import fill
from tests.factories import CLERK, NOON, fill_purse, make_card, make_citizen, make_order, make_product
from tests.fixtures_accounts import TODAY
from tests.settlement.disputes.cases import (
    BOSS,
    HOLDER,
    Holder,
    answered,
    decided,
    fen,
    fresh,
    later,
    opened,
    publish_policies,
)
from tests.terminals.field import Field, make_merchant
from tests.terminals.held.held_city import held, publish_terms, upload
from tests.terminals.pricing.city import Riding, at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_keys")]


@pytest.fixture
def till(open_day: Any, demo_keys: Any) -> Field:
    """A till of a shop that takes things back, in a city with policies."""
    publish_policies("not_mine", "twice", "amount")
    return Field.install(demo_keys, merchant=make_merchant("SHOP", "shop", fee_basis_points=100))


def card_of_a_citizen() -> Card:
    card = make_card(product=make_product(real_name=True, account_limit_fen=100_000), citizen=make_citizen())
    fill_purse(card, 10_000)
    return card


def bought(till: Field, card: Card, amount_fen: int = 500, atc: int = 1) -> Tap:
    return upload(till, till.tap(card, atc, amount_fen))[0]


def disputed(tap: Tap, kind: str = "not_mine", **changes: Any) -> Dispute:
    values: dict[str, Any] = {"words": "不是我刷的", "actor": HOLDER, "now": NOON}
    return open_dispute(
        card=Card.objects.get(pk=tap.card_id),
        kind=kind,
        what="purchase",
        source_id=tap.id,
        day=tap.business_date,
        **values | changes,
    )


def given_back(till: Field, tap: Tap, amount_fen: int, number: int = 1) -> None:
    named = Named(till.terminal.terminal_no, tap.terminal_seq, Card.objects.get(pk=tap.card_id).pan)
    refund_purchase(
        terminal=till.terminal,
        purchase=named,
        number=number,
        amount_fen=amount_fen,
        occurred_at=NOON,
        now=NOON,
    )


def test_a_purchase_with_the_chip_is_credited_online_and_comes_off_the_merchants_next_statement(
    till: Field,
) -> None:
    card = card_of_a_citizen()
    dispute = disputed(bought(till, card))
    assert (account_purse(card).balance_fen, fen("1222"), dispute.place) == (500, 500, "丰泽街")
    bought(till, card, 2_000, 2)
    decided(dispute, "grant", BOSS, "merchant")
    run = clear_day(day=TODAY)
    statement = Statement.objects.get()
    assert (statement.gross_fen, statement.online_fen, statement.fee_fen) == (2_000, -500, 20)
    assert (run.gross_fen, fen("2203.SHOP")) == (2_000, 1_980)
    assert broken_invariants() == []


def test_a_loss_on_a_later_date_is_offset_against_what_the_merchant_earns_then(till: Field) -> None:
    dispute = disputed(bought(till, card_of_a_citizen()))
    clear_day(day=TODAY)
    decided(dispute, "grant", BOSS, "merchant", now=later(1))
    cut_off(TODAY + timedelta(days=1))
    clear_day(day=TODAY + timedelta(days=1))
    assert list(Statement.objects.order_by("run").values_list("net_fen", flat=True)) == [495, -500]
    assert fen("2203.SHOP") == -5
    assert broken_invariants() == []


def test_an_anonymous_card_gets_its_credit_for_the_chip_when_it_is_decided(till: Field) -> None:
    card = make_card()
    fill_purse(card, 1_000)
    dispute = disputed(bought(till, card))
    assert dispute.charge.order is None
    decided(dispute, "grant", BOSS, "merchant")
    order = TopUpOrder.objects.get(channel="dispute")
    assert (order.state, order.purse.kind, fen("2031"), fen("2202.SHOP")) == ("paid", "chip", 500, 0)
    assert broken_invariants() == []


def test_not_together_with_what_the_merchant_gives_back(till: Field) -> None:
    first, second = (bought(till, card_of_a_citizen(), atc=atc) for atc in (1, 2))
    given_back(till, first, 300)
    with pytest.raises(InvalidField):
        disputed(first, amount_fen=201)
    disputed(first, "amount")
    with pytest.raises(PurchaseOverRefunded):
        given_back(till, first, 1, 2)
    case = disputed(second, amount_fen=400)
    named = Named(till.terminal.terminal_no, second.terminal_seq, Card.objects.get(pk=second.card_id).pan)
    with pytest.raises(PurchaseOverRefunded):
        reverse_purchase(terminal=till.terminal, purchase=named, amount_fen=500, occurred_at=NOON)
    given_back(till, second, 100, 3)
    decided(case, "grant", BOSS, "merchant")
    with pytest.raises((PurchaseOverRefunded, AlreadyReversed)):
        given_back(till, second, 1, 4)
    assert broken_invariants() == []


def test_not_together_with_the_refund_of_a_payment(lin: Holder) -> None:
    payment = lin.pays()
    refund_payment(payment=payment, amount_fen=500, key="r", actor="shop", reason="", occurred_at=NOON)
    with pytest.raises(NotDisputable):
        opened(payment)
    assert lin.online_fen == 1_000


def test_what_is_held_is_decided_there(open_day: Any, demo_keys: Any) -> None:
    publish_policies("not_mine")
    publish_terms()
    card = card_of_a_citizen()
    tap = held(Field.install(demo_keys), card, Tap.Outcome.OVER_PRICE, 300)
    with pytest.raises(NotDisputable):
        disputed(tap)
    assert account_purse(card).balance_fen == 0


def test_not_together_with_a_fare_that_is_put_right(riding: Riding) -> None:
    """The second ride is 1.00 too dear. Disputed before the pricing it is left alone until that is over; afterwards only the
    rest can be.
    """
    publish_policies("amount", "not_mine")
    cards = [riding.card(product=_plain()) for _ in range(2)]
    for card in cards:
        riding.tap("bus1", card, at("08:00"))
        riding.tap("bus2", card, at("08:40"))
    riding.upload()
    early, late = (Tap.objects.get(card_id=card.pk, atc=2) for card in cards)
    case = disputed(early)
    assert price_day(day=TODAY).given_fen == 100
    assert [order.card_id for order in TopUpOrder.objects.filter(channel="repair")] == [late.card_id]
    with pytest.raises(InvalidField):
        disputed(late, "amount", amount_fen=101)
    decided(disputed(late, "amount"), "grant", BOSS, "merchant")
    assert Dispute.objects.get(charge__source_id=late.id).facts["fare_due_fen"] == 100
    decided(answered(case))
    tomorrow = TODAY + timedelta(days=1)
    clear_day(day=TODAY)
    decided(_appealed(case), "refuse", "li", now=later(1))
    assert price_day(day=tomorrow).given_fen == 100
    assert TopUpOrder.objects.filter(channel="repair", card=early.card_id).count() == 1
    assert broken_invariants() == []


def test_the_facts_are_what_the_books_know(till: Field) -> None:
    card = card_of_a_citizen()
    first, second = bought(till, card, atc=1), bought(till, card, atc=2)
    facts = disputed(second, "twice").facts
    assert (facts["tac"], facts["counter"], facts["terminal"], facts["online"]) == (
        "right", 2, till.terminal.code, False,
    )  # fmt: skip
    assert facts["before"] == facts["alike"][0]
    assert (facts["before"]["counter"], facts["before"]["amount_fen"]) == (first.atc, 500)
    assert facts["after"] is None


def test_a_ride_by_code(till: Field) -> None:
    card = card_of_a_citizen()
    fill(account_purse(card), 1_000)
    code = issue_ride_code(card=card, now=NOON).text
    accept_rides(terminal=till.terminal, body=build_rides([RideRecord(code, 200, NOON, "东湖")]))
    ride = card.rides.get()
    case = open_dispute(
        card=card, kind="not_mine", what="ride", source_id=ride.pk, words="没坐", actor=HOLDER, now=NOON
    )
    assert (account_purse(card).balance_fen, case.place, case.merchant_id) == (
        1_000,
        "东湖",
        ride.merchant_id,
    )


def test_a_top_up_that_the_books_say_has_arrived_is_ours_to_answer(lin: Holder) -> None:
    def asked(order: TopUpOrder) -> Dispute:
        return open_dispute(
            card=lin.card,
            kind="top_up",
            what="top_up",
            source_id=order.pk,
            words="没到账",
            actor=HOLDER,
            now=NOON,
        )

    waiting = topup.receive_cash(order=make_order(card=lin.card), actor=CLERK)
    with pytest.raises(NotDisputable):
        asked(waiting)
    order = topup.receive_cash(order=make_order(card=lin.card, purse_kind="account"), actor=CLERK)
    case = asked(order)
    assert (case.merchant, case.facts["proof"], lin.online_fen) == (None, "account", 11_000)
    with pytest.raises(InvalidField):
        decided(case, "grant", BOSS, "merchant")
    assert fresh(case).state == "opened"


def _plain() -> Any:
    return make_product(code="plain", price_fen=0, deposit_fen=0, account_limit_fen=50_000)


def _appealed(case: Dispute) -> Dispute:
    return appeal_dispute(dispute=case, words="再看", actor=HOLDER, now=NOON)
