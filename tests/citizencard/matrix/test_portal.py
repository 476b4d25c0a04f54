"""The permission matrix (T14) of the portal: what is one citizen's own is nobody else's, whatever the method."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Card, Purse
from accounts.services import family
from accounts.services.diary import note_access
from accounts.services.payments import account_purse, pay
from settlement.models import Dispute
from terminals.services.field import register_merchant
from tests.accounts.mandates.asking import ask_for_mandate
from tests.citizencard.city import make_staff
from tests.citizencard.matrix import expected
from tests.citizencard.matrix.routes import is_open, routes
from tests.citizencard.portal.household import Resident
from tests.factories import make_citizen
from tests.settlement.disputes.cases import publish_policies

SignIn = Callable[[str], Client]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Belongings:
    """What Lin has, and so nobody else may see or touch: the words of the addresses."""

    words: dict[str, Any]

    def path(self, name: str) -> str:
        pattern = next(route.where for route in routes() if route.name == f"portal:{name}")
        wanted = re.findall(r"<\w+:(\w+)>", pattern)
        number = "dispute" if pattern.startswith("disputes/") else "order"
        words = {word: self.words[number if word == "number" else word] for word in wanted}
        return reverse(f"portal:{name}", kwargs=words)


@pytest.fixture
def belongings(lin: Resident) -> Belongings:
    publish_policies("not_given", "not_mine", file_days=366)
    shop = register_merchant(code="shop", name="中山路便利店", channel="shop")
    lin.give_money(1_000)
    first, second = (
        pay(
            purse=account_purse(lin.card),
            payee=shop.payable_id,
            amount_fen=500,
            key=key,
            channel="qr",
            actor="shop",
            occurred_at=timezone.now(),
        )
        for key in "pq"
    )
    lin.client.post(
        f"/cards/{lin.card.pk}/dispute/payment/{first.pk}/", {"kind": "not_given", "words": "没有收到"}
    )
    order = lin.give_money(100)
    link = family.invite_member(
        payer=lin.citizen, member=make_citizen(), actor="citizen", occurred_at=timezone.now()
    )
    mandate = ask_for_mandate(lin.card.purses.get(kind=Purse.Kind.ACCOUNT))
    today = f"{timezone.localdate():%Y-%m-%d}"
    return Belongings(
        {
            "card_id": lin.card.pk,
            "what": "payment",
            "source_id": second.pk,
            "order": order.number,
            "dispute": Dispute.objects.get().number,
            "mandate_id": mandate.pk,
            "link_id": link.pk,
            "day": today,
            "atc": 1,
            "transfer_id": 1,
            "kind": "account",
            "access_id": note_access(
                citizen=lin.citizen, what="revealed", fields=["name"], actor="clerk", ground="x"
            ).pk,
        }
    )


NOT_THERE_YET = {
    "activate",
    "earlier",
    "balance_proof",
    "block",
    "family_top_up",
    "join_family",
    "receipt",
    "ride",
    "show_balance",
    "withdraw_refund",
}
"""Of these Lin has none (a ride, a sealed date, a refund), or the step is another person's."""


def unexpected_in_the_portal(belongings: Belongings, own: Client, others: Iterable[Client]) -> list[str]:
    """What others are let into of what is Lin's, and what Lin is not."""
    wrong = []
    for name in sorted(expected.PORTAL_OWN):
        path = belongings.path(name)
        for method in METHODS:
            for other in others:
                answer = other.generic(method, path)
                if answer.status_code != 404 and is_open(answer) and not to_own_house(answer):
                    wrong.append(f"other {method} {path}: {answer.status_code}")
        seen = [own.get(path).status_code, own.post(path).status_code]
        if name not in NOT_THERE_YET and not {200, 302, 422, 409} & set(seen):
            wrong.append(f"own {path}: {seen}")
    return wrong


def to_own_house(answer: Any) -> bool:
    """Staff are sent to the office."""
    return answer.status_code == 302 and answer["Location"].startswith("/office/")


def test_what_is_a_citizens_own_is_nobody_elses(
    undrawn: None, gateway: object, lin: Resident, chen: Resident, belongings: Belongings, as_staff: SignIn
) -> None:
    make_staff()
    others = [Client(), chen.client, as_staff("clerk"), as_staff("root")]
    assert unexpected_in_the_portal(belongings, lin.client, others) == []


def test_pages_of_ones_own_need_somebody_signed_in(db: None, undrawn: None) -> None:
    for name in expected.PORTAL_SIGNED_IN:
        for answer in (Client().get(reverse(f"portal:{name}")), Client().post(reverse(f"portal:{name}"))):
            assert answer.status_code == 405 or answer["Location"].startswith("/login/"), name
    for name in expected.PORTAL_PUBLIC - {"logout", "preferences", "fare_quote"}:
        assert Client().get(reverse(f"portal:{name}")).status_code == 200


def test_a_card_looked_up_without_its_owner_is_found(
    undrawn: None,
    gateway: object,
    lin: Resident,
    chen: Resident,
    belongings: Belongings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: the one look-up of a citizen's card forgets whose it is."""
    from citizencard.portal.views import cards

    monkeypatch.setattr(cards, "own_card", lambda citizen, card_id: Card.objects.get(pk=card_id))
    found = unexpected_in_the_portal(belongings, lin.client, [chen.client])
    assert {each.split()[2].rstrip(":") for each in found} >= {
        belongings.path("statement"),
        belongings.path("statement_csv"),
    }
