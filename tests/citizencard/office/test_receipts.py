"""The slip for a cash act, and the reversal of the act, as clerk and supervisor see them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Card, CounterReversal, DrawerEntry, TopUpOrder
from accounts.services import topup
from tests.accounts.drawers.till import make_drawer
from tests.citizencard.city import make_staff
from tests.factories import make_card, make_order
from tests.settlement.documents import pdf_words

SignIn = Callable[[str], Client]


def words(answer: object) -> str:
    html: str = answer.content.decode()  # type: ignore[attr-defined]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def slip_words(document: bytes) -> str:
    return " ".join(pdf_words(document))


@pytest.fixture
def card(open_day: object, _quick_passwords: None) -> Card:
    """Sold for ten yuan and ten deposit out of a clerk's drawer."""
    make_staff()
    make_drawer()
    return make_card()


@pytest.mark.django_db
def test_a_receipt_is_printed_and_printed_again_as_a_copy(card: Card, as_staff: SignIn) -> None:
    clerk = as_staff("clerk")
    link = re.search(
        r"/office/receipt/\d+/", clerk.get(f"/office/accounts/card/{card.pk}/change/").content.decode()
    )
    assert link
    assert "尚未打印" in words(clerk.get(link[0]))
    slip = clerk.post(link[0])
    assert slip["Content-Type"] == "application/pdf"
    assert card.pan[-8:] not in slip["Content-Disposition"]
    said = slip_words(slip.content)
    for shown in (
        "收据",
        "hall-1-",
        "-0001",
        "中心服务厅",
        "clerk",
        f"****{card.pan[-4:]}",
        "售卡",
        "押金",
        "20.00",
        "贰拾元整",
    ):
        assert shown in said
    assert "副本" not in said
    assert card.pan not in said
    assert "副本" in slip_words(clerk.post(link[0]).content)
    for role, status in (("supervisor", 403), ("auditor", 403), ("finance", 200)):
        assert as_staff(role).get(link[0]).status_code == status


@pytest.mark.django_db
def test_a_wrong_topup_is_undone_by_two(card: Card, as_staff: SignIn) -> None:
    clerk, supervisor = as_staff("clerk"), as_staff("supervisor")
    order = topup.receive_cash(order=make_order(card=card), actor="clerk")
    page = f"/office/accounts/topuporder/{order.pk}/"
    assert page + "reverse/" in clerk.get(page + "change/").content.decode()
    clerk.post(page + "reverse/", {"reason": "多收一位"})
    decide = f"/office/accounts/counterreversal/{CounterReversal.objects.get().pk}/approve/"
    assert clerk.post(decide, {}).status_code == 403
    shown = words(supervisor.get(decide))
    assert "+50.00" in shown
    assert order.number in shown
    supervisor.post(decide, {})
    assert TopUpOrder.objects.get().state == TopUpOrder.State.REVERSED
    entry = DrawerEntry.objects.latest("pk")
    assert entry.amount_fen == -5_000
    said = slip_words(clerk.post(f"/office/receipt/{entry.pk}/").content)
    assert "付款凭证" in said
    assert "伍拾元整" in said
    assert page + "reverse/" not in clerk.get(page + "change/").content.decode()
    clerk.post(page + "reverse/", {"reason": "again"})
    assert CounterReversal.objects.count() == 1


@pytest.mark.django_db
def test_what_no_drawer_took_cannot_be_reversed(card: Card, as_staff: SignIn) -> None:
    order = topup.receive_cash(order=make_order(card=card), actor="somebody else")
    page = f"/office/accounts/topuporder/{order.pk}/reverse/"
    assert "没有钱箱收过这笔款" in words(as_staff("clerk").post(page, {"reason": "x"}))
    sale = f"/office/accounts/card/{card.pk}/reverse_sale/"
    assert "待审" in words(as_staff("clerk").post(sale, {"reason": "x"}))
