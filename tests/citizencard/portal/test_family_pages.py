"""Families in the portal: invited without telling who exists, agreed to, shown no more than allowed, ended by either side."""

from __future__ import annotations

import re
from typing import Any

import pytest

from accounts.models import CardProduct, FamilyLink, TopUpOrder
from accounts.services.cards import mark_lost
from tests.citizencard.portal.household import Resident, pay, resident
from tests.citizencard.sandbox.wsgi import Sandbox
from tests.factories import CLERK, NOON

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="[^"]+"')


def invite(who: Resident, number: str) -> Any:
    return who.client.post("/family/", {"card_number": number})


def linked(lin: Resident, chen: Resident, **allowed: str) -> FamilyLink:
    """Lin pays for Chen."""
    invite(lin, chen.card.pan)
    link = FamilyLink.objects.get()
    chen.client.post(f"/family/{link.pk}/join/", allowed)
    return link


def test_invited_agreed_and_topped_up(lin: Resident, chen: Resident, gateway: Sandbox) -> None:
    grouped = " ".join(chen.card.pan[at : at + 4] for at in range(0, 19, 4))
    invite(lin, grouped)
    assert "请查看邀请" in chen.page("/")
    link = FamilyLink.objects.get()
    chen.client.post(f"/family/{link.pk}/join/", {"sees_balance": "on"})
    assert "**同" in lin.page("/family/")
    assert "¥0.00" in lin.page("/family/")
    form = {"amount_fen": "30", "purse_kind": "account", "request_key": "for-my-dear-family"}
    answer = lin.client.post(f"/family/cards/{chen.card.pk}/top-up/", form)
    order = TopUpOrder.objects.get()
    assert order.payer == lin.citizen
    assert answer["Location"] == f"/orders/{order.number}/"
    pay(gateway, order)
    assert chen.balance_fen() == 3_000
    assert "充值成功" in lin.page(f"/orders/{order.number}/")


def test_who_exists_is_not_told(lin: Resident, chen: Resident) -> None:
    seen = set()
    for number in ("3104397099999999999", chen.card.pan, chen.card.pan):
        assert invite(lin, number).status_code == 302
        seen.add(TOKEN.sub("", lin.page("/family/")))
    assert len(seen) == 1
    assert FamilyLink.objects.count() == 1


def test_guessing_numbers_is_stopped(lin: Resident) -> None:
    answers = [invite(lin, f"310439709999999999{digit}").status_code for digit in range(6)]
    assert answers == [302] * 5 + [429]


@pytest.mark.parametrize("number", ["", "1", "31043970000000000a1", "3" * 20])
def test_no_card_number(lin: Resident, number: str) -> None:
    assert "id_card_number_error" in invite(lin, number).content.decode()


def test_nobody_is_their_own_family(lin: Resident) -> None:
    assert invite(lin, lin.card.pan).status_code == 422


def test_the_balance_is_the_members_to_show_and_to_hide(lin: Resident, chen: Resident) -> None:
    chen.give_money(4_200)
    link = linked(lin, chen)
    assert "42.00" not in lin.page("/family/")
    chen.client.post(f"/family/{link.pk}/balance/", {"sees_balance": "on"})
    assert "42.00" in lin.page("/family/")
    chen.client.post(f"/family/{link.pk}/balance/")
    assert "42.00" not in lin.page("/family/")


@pytest.mark.parametrize("leaver", ["payer", "member"])
def test_either_ends_it_at_once(lin: Resident, chen: Resident, leaver: str) -> None:
    link = linked(lin, chen)
    path = f"/family/cards/{chen.card.pk}/top-up/"
    assert chen.card.pan not in lin.page(path)
    (lin if leaver == "payer" else chen).client.post(f"/family/{link.pk}/leave/")
    assert lin.client.get(path).status_code == 404


def test_only_the_member_agrees_and_shows(lin: Resident, chen: Resident) -> None:
    invite(lin, chen.card.pan)
    link = FamilyLink.objects.get()
    for step in ("join", "balance"):
        assert lin.client.post(f"/family/{link.pk}/{step}/", {"sees_balance": "on"}).status_code == 404
    link.refresh_from_db()
    assert link.state == FamilyLink.State.INVITED


def test_only_the_two_end_it_and_paying_goes_one_way(
    lin: Resident, chen: Resident, product: CardProduct
) -> None:
    link = linked(lin, chen)
    stranger = resident("黄志强", product)
    assert stranger.client.post(f"/family/{link.pk}/leave/").status_code == 404
    assert stranger.client.get(f"/family/cards/{chen.card.pk}/top-up/").status_code == 404
    assert chen.client.get(f"/family/cards/{lin.card.pk}/top-up/").status_code == 404
    link.refresh_from_db()
    assert link.state == FamilyLink.State.ACTIVE


def test_a_lost_card_is_not_topped_up(lin: Resident, chen: Resident) -> None:
    linked(lin, chen)
    mark_lost(card=chen.card, actor=CLERK, reason="遗失", occurred_at=NOON)
    assert lin.client.get(f"/family/cards/{chen.card.pk}/top-up/").status_code == 404
