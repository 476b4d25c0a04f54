"""What a payer sees of the family: who, which cards, and the balance where the member agreed. Never a place or a purchase."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Prefetch

from accounts.models import Card, Citizen, FamilyLink
from citizencard.core.masks import mask_card


@dataclass(frozen=True, slots=True)
class FamilyCard:
    """One active card of a member, its number masked; `balance_fen` over all purses, None where it is not shown."""

    card_id: int
    number: str
    product: str
    balance_fen: int | None


@dataclass(frozen=True, slots=True)
class FamilyMember:
    """One person the payer pays for, and acts for where `is_ward`; `name` masked. An invitation not yet answered has no cards."""

    link_id: int
    name: str
    state: FamilyLink.State
    cards: tuple[FamilyCard, ...]
    is_ward: bool


def family_view(payer: Citizen) -> list[FamilyMember]:
    """The payer's members and open invitations, oldest first; a fixed number of queries."""
    active = Card.objects.filter(state=Card.State.ACTIVE).select_related("product").prefetch_related("purses")
    links = (
        FamilyLink.objects.filter(payer=payer)
        .exclude(state=FamilyLink.State.ENDED)
        .select_related("member")
        .prefetch_related(Prefetch("member__cards", active.order_by("pk")))
        .order_by("pk")
    )
    wards = set(payer.wards.filter(ended_at=None).values_list("ward_id", flat=True))
    return [_member(link, is_ward=link.member_id in wards) for link in links]


def _member(link: FamilyLink, *, is_ward: bool) -> FamilyMember:
    state = FamilyLink.State(link.state)
    shown = link.member.cards.all() if state is FamilyLink.State.ACTIVE else ()
    cards = tuple(_card(card, sees_balance=link.sees_balance) for card in shown)
    return FamilyMember(link.pk, link.member.name_mask, state, cards, is_ward)


def _card(card: Card, *, sees_balance: bool) -> FamilyCard:
    balance_fen = sum(purse.balance_fen for purse in card.purses.all()) if sees_balance else None
    return FamilyCard(card.pk, mask_card(card.pan), card.product.name, balance_fen)
