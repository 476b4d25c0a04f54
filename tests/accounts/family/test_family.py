"""Families: invited, joined, shown, left; and what the payer may do and see."""

from __future__ import annotations

from dataclasses import fields

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.errors import FamilyLinkExists, FamilyLinkMissing, IllegalFamilyTransition
from accounts.models import Card, Citizen, FamilyLink, TopUpOrder
from accounts.selectors.family import FamilyCard, FamilyMember, family_view
from accounts.services import family
from citizencard.core.errors import InvalidField
from citizencard.core.models import AuditEntry
from tests.factories import NOON, fill_purse, make_card, make_citizen, make_product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


@pytest.fixture
def payer() -> Citizen:
    return make_citizen(name="张明")


@pytest.fixture
def card() -> Card:
    """The member's card, with 12 yuan on its chip."""
    product = make_product(real_name=True, account_limit_fen=100_000)
    card = make_card(product=product, citizen=make_citizen(name="张小红"))
    fill_purse(card, 1_200)
    return card


def invite(payer: Citizen, card: Card) -> FamilyLink:
    assert card.citizen is not None
    return family.invite_member(payer=payer, member=card.citizen, actor="payer", occurred_at=NOON)


def join(link: FamilyLink, *, sees_balance: bool = False) -> FamilyLink:
    return family.join_family(link=link, sees_balance=sees_balance, actor="member", occurred_at=NOON)


def top_up(payer: Citizen, card: Card, **words: str) -> TopUpOrder:
    return family.top_up_for(
        payer=payer, card=card, amount_fen=5_000, actor="payer", occurred_at=NOON, **words
    )


def test_a_member_who_agreed_is_topped_up_by_the_payer(payer: Citizen, card: Card) -> None:
    join(invite(payer, card))
    for kind in ("chip", "account"):
        order = top_up(payer, card, purse_kind=kind)
        assert (order.payer, order.channel, order.purse.kind) == (payer, "gateway", kind)


def test_the_same_request_is_one_order(payer: Citizen, card: Card) -> None:
    join(invite(payer, card))
    assert top_up(payer, card, request_key="k").pk == top_up(payer, card, request_key="k").pk


def test_nobody_is_topped_up_without_having_agreed(payer: Citizen, card: Card) -> None:
    with pytest.raises(FamilyLinkMissing):
        top_up(payer, card)
    link = invite(payer, card)
    with pytest.raises(FamilyLinkMissing):
        top_up(payer, card)
    join(link)
    family.leave_family(link=link, actor="member", occurred_at=NOON)
    with pytest.raises(FamilyLinkMissing):
        top_up(payer, card)
    with pytest.raises(FamilyLinkMissing):
        top_up(payer, make_card())  # an anonymous card has no holder to agree
    assert not TopUpOrder.objects.exists()


def test_the_link_has_a_direction(payer: Citizen, card: Card) -> None:
    join(invite(payer, card))
    own = make_card(product=card.product, citizen=payer)
    assert card.citizen is not None
    with pytest.raises(FamilyLinkMissing):
        top_up(card.citizen, own)
    assert family_view(card.citizen) == []


def test_the_payer_sees_the_balance_as_long_as_the_member_wants(payer: Citizen, card: Card) -> None:
    def seen() -> list[int | None]:
        return [shown.balance_fen for member in family_view(payer) for shown in member.cards]

    link = invite(payer, card)
    assert [(member.name, member.state, member.cards) for member in family_view(payer)] == [
        ("**红", "invited", ())
    ]
    with pytest.raises(FamilyLinkMissing):
        family.show_balance(link=link, sees_balance=True, actor="member")
    join(link)
    assert seen() == [None]
    family.show_balance(link=link, sees_balance=True, actor="member")
    assert seen() == [1_200]
    family.show_balance(link=link, sees_balance=False, actor="member")
    assert seen() == [None]
    family.leave_family(link=link, actor="member", occurred_at=NOON)
    assert family_view(payer) == []


def test_the_view_tells_no_place_no_purchase_and_no_whole_number(payer: Citizen, card: Card) -> None:
    join(invite(payer, card), sees_balance=True)
    (member,) = family_view(payer)
    assert {field.name for field in fields(FamilyMember)} == {"link_id", "name", "state", "cards", "is_ward"}
    assert {field.name for field in fields(FamilyCard)} == {"card_id", "number", "product", "balance_fen"}
    assert card.pan not in repr(member)


def test_the_view_takes_as_many_queries_for_many_as_for_one(payer: Citizen, card: Card) -> None:
    join(invite(payer, card), sees_balance=True)
    with CaptureQueriesContext(connection) as one:
        family_view(payer)
    for _ in range(4):
        join(invite(payer, make_card(product=card.product, citizen=make_citizen())), sees_balance=True)
    with CaptureQueriesContext(connection) as five:
        assert len(family_view(payer)) == 5
    assert len(one) == len(five)


def test_both_may_leave_at_any_time_and_begin_again(payer: Citizen, card: Card) -> None:
    declined = invite(payer, card)
    family.leave_family(link=declined, actor="member", occurred_at=NOON)
    link = join(invite(payer, card), sees_balance=True)
    for _ in range(2):
        ended = family.leave_family(link=link, actor="payer", occurred_at=NOON)
        assert (ended.state, ended.sees_balance) == ("ended", False)
    with pytest.raises(IllegalFamilyTransition):
        join(link)
    assert FamilyLink.objects.count() == 2
    assert AuditEntry.objects.filter(action="family.leave").count() == 2


def test_one_live_link_per_pair_and_none_with_oneself(payer: Citizen, card: Card) -> None:
    link = invite(payer, card)
    with pytest.raises(FamilyLinkExists):
        invite(payer, card)
    join(link)
    with pytest.raises(FamilyLinkExists):
        invite(payer, card)
    with pytest.raises(InvalidField):
        family.invite_member(payer=payer, member=payer, actor="payer", occurred_at=NOON)
    with pytest.raises(IntegrityError, match="family_link_of_two_people"), transaction.atomic():
        FamilyLink.objects.create(payer=payer, member=payer, invited_at=NOON)
