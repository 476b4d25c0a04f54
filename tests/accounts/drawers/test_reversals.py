"""A wrong top-up or sale of today is undone by two people, by transfers the other way, out of the clerk's drawer, once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.errors import DrawerNotOpen, NotReversible, PurseFloorReached
from accounts.models import Card, CounterReversal, DrawerEntry, DrawerSession, TopUpOrder
from accounts.selectors import invariants
from accounts.services import cards, topup
from accounts.services.counter_reversals import approve_reversal, propose_reversal, refuse_reversal
from accounts.services.drawers import count_drawer
from accounts.services.ledger import Leg, open_account, post_journal
from accounts.services.replacements import replace_card
from citizencard.core.calendar import cut_off
from citizencard.core.errors import AlreadyDecided, InvalidField, MakerIsChecker
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.models import AuditEntry
from tests.accounts.chip import Chip
from tests.accounts.drawers.till import FLOAT, make_drawer
from tests.factories import CLERK, NOON, make_card, make_order, make_product
from tests.fixtures_accounts import TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
SUPERVISOR = "supervisor"


@pytest.fixture
def drawer() -> DrawerSession:
    return make_drawer()


def taken(card: Card, *, purse: str = "chip", amount_fen: int = 5_000) -> TopUpOrder:
    order = make_order(card=card, amount_fen=amount_fen, purse_kind=purse)
    return topup.receive_cash(order=order, actor=CLERK)


def online_card() -> Card:
    return make_card(product=make_product(account_limit_fen=100_000))


def ask(*, actor: str = CLERK) -> CounterReversal:
    """About the newest cash act."""
    return propose_reversal(entry=DrawerEntry.objects.latest("pk"), actor=actor, reason="wrong amount")


@pytest.mark.parametrize("purse", ["chip", "account"])
def test_a_topup_goes_back_into_the_holders_hand(drawer: DrawerSession, purse: str) -> None:
    card = online_card()
    before_fen = drawer.moved_fen
    order = taken(card, purse=purse)
    reversal = ask()
    assert drawer.moved_fen == before_fen + 5_000
    approve_reversal(reversal=reversal, checker=SUPERVISOR)
    order.refresh_from_db()
    assert (order.state, drawer.moved_fen) == ("reversed", before_fen)
    assert card.purses.get(kind=purse).balance_fen == 0
    assert invariants.broken() == []
    with pytest.raises(AlreadyDecided):
        approve_reversal(reversal=reversal, checker=SUPERVISOR)
    assert drawer.moved_fen == before_fen
    decided = AuditEntry.objects.filter(subject=f"reversal:{reversal.pk}").order_by("pk")
    assert list(decided.values_list("action", "actor")) == [
        ("reversal.propose", CLERK), ("reversal.approve", SUPERVISOR),
    ]  # fmt: skip


def test_a_card_sold_by_mistake_comes_back_with_price_and_deposit(drawer: DrawerSession) -> None:
    card = make_card(state=Card.State.ISSUED)
    assert drawer.moved_fen == 2_000
    approve_reversal(reversal=ask(), checker=SUPERVISOR)
    card.refresh_from_db()
    assert (card.state, drawer.moved_fen) == (Card.State.CLOSED, 0)
    assert invariants.broken() == []


def test_asked_twice_is_one_proposal_and_refused_it_can_be_asked_anew(drawer: DrawerSession) -> None:
    taken(online_card())
    first = ask()
    assert ask() == first
    refuse_reversal(reversal=first, checker=SUPERVISOR, reason="the amount is right")
    assert ask() != first
    assert drawer.moved_fen == 7_000
    with pytest.raises(InvalidField):
        propose_reversal(entry=first.entry, actor=CLERK, reason=" ")


def test_nobody_agrees_to_their_own(drawer: DrawerSession) -> None:
    taken(online_card())
    with pytest.raises(MakerIsChecker):
        approve_reversal(reversal=ask(actor=SUPERVISOR), checker=SUPERVISOR)


def test_the_clerk_who_asked_needs_an_open_drawer(drawer: DrawerSession) -> None:
    order = taken(online_card())
    reversal = ask()
    count_drawer(session=drawer, pieces=FLOAT, actor=CLERK)
    with pytest.raises(DrawerNotOpen):
        approve_reversal(reversal=reversal, checker=SUPERVISOR)
    order.refresh_from_db()
    assert order.state == "paid"
    next_one = make_drawer()
    approve_reversal(reversal=reversal, checker=SUPERVISOR)
    assert next_one.moved_fen == -5_000
    assert invariants.broken() == []


def test_what_is_on_the_chip_is_the_ordinary_refunds(drawer: DrawerSession, demo_keys: KeyStore) -> None:
    card = make_card()
    order, chip = taken(card), Chip(demo_keys, card)
    entry = DrawerEntry.objects.latest("pk")
    waiting = propose_reversal(entry=entry, actor=CLERK, reason="wrong card")
    mac2 = topup.authorise_load(order=order, when=NOON, **chip.initialise(order.amount_fen))
    with pytest.raises(NotReversible, match="Write to the card once more"):
        approve_reversal(reversal=waiting, checker=SUPERVISOR)
    tac = chip.credit(order.amount_fen, mac2)
    topup.confirm_load(order=order, tac=tac, balance_after_fen=chip.balance_fen)
    with pytest.raises(NotReversible, match="Refund the card"):
        approve_reversal(reversal=waiting, checker=SUPERVISOR)
    assert CounterReversal.objects.get().state == "proposed"


def test_what_was_spent_meanwhile_does_not_go_back(drawer: DrawerSession) -> None:
    card = online_card()
    taken(card, purse="account")
    purse, elsewhere = card.purses.get(kind="account"), open_account(chart="2242")
    leg = Leg(purse.account_id, elsewhere.pk, 1, 13, 1, NOON)
    post_journal(key="spent", kind="test", actor="test", source="test", legs=[leg])
    with pytest.raises(PurseFloorReached):
        approve_reversal(reversal=ask(), checker=SUPERVISOR)


def test_only_today_only_unused_only_sales_and_topups(drawer: DrawerSession) -> None:
    card = online_card()
    sale = DrawerEntry.objects.latest("pk")
    taken(card, purse="account")
    yesterdays = DrawerEntry.objects.latest("pk")
    with pytest.raises(NotReversible, match="was used or topped up"):
        propose_reversal(entry=sale, actor=CLERK, reason="x")
    lost = make_card(product=make_product(code="other"))
    cards.mark_lost(card=lost, actor=CLERK, reason="", occurred_at=NOON)
    new = replace_card(card=lost, cause="lost", actor=CLERK, occurred_at=NOON).new
    cards.mark_personalised(card=new, actor=CLERK)
    cards.issue_card(card=new, actor=CLERK, occurred_at=NOON + timedelta(hours=1))
    with pytest.raises(NotReversible, match="stands for another"):
        ask()
    back = taken(online_card())
    topup.reverse_topup(order=back, actor=CLERK, reason="")
    with pytest.raises(NotReversible, match="only top-ups and sales"):
        ask()
    cut_off(TODAY)
    with pytest.raises(NotReversible, match="business day is over"):
        propose_reversal(entry=yesterdays, actor=CLERK, reason="x")
