"""Goods by page: ordered, sent, received, scrapped, and lists of people taken, each by the two people it takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Card, CardOrder, IssueBatch, StockItem, StockMovement, StockProposal
from accounts.services.card_orders import mark_sent
from accounts.services.stock import receive_produced
from citizencard.core.calendar import shanghai
from terminals.models import HotListEntry
from tests.accounts.stock.lists import row, sheet, uploaded
from tests.accounts.stock.shelf import Places, numbers, open_places
from tests.citizencard.city import make_staff
from tests.factories import CLERK, make_product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_quick_passwords")]
SignIn = Callable[[str], Client]


@pytest.fixture
def places(as_staff: SignIn) -> Places:
    make_staff()
    return open_places()


def step(client: Client, name: str, *args: object, **given: Any) -> str:
    answer = client.post(reverse(f"admin:accounts_{name}", args=args), given, follow=True)
    return str(answer.content.decode())


def deadline() -> str:
    return (shanghai(timezone.now()).date() + timedelta(days=30)).isoformat()


def test_from_the_order_to_the_hall_and_one_of_them_to_the_shredder(places: Places, as_staff: SignIn) -> None:
    clerk, supervisor = as_staff("clerk"), as_staff("supervisor")
    product = make_product(real_name=True)
    wanted = {"product": product.pk, "quantity": 3, "hall": places.hall.pk, "deadline": deadline()}
    step(clerk, "cardorder_propose", **wanted)
    order = CardOrder.objects.get()
    step(supervisor, "cardorder_approve", order.pk, bureau=places.bureau.pk)
    order = mark_sent(order=CardOrder.objects.get(), cartons={}, actor=CLERK)
    receive_produced(cards=Card.objects.filter(stock_item__order=order), actor=CLERK)
    first, _second, last = numbers(order)
    route = {"source": places.bureau.pk, "target": places.hall.pk, "first": first, "last": last}
    step(clerk, "stockmovement_send", **route)
    sent = StockMovement.objects.get(kind="sent")
    page = reverse("admin:accounts_stockmovement_change", args=[sent.pk])
    assert "确认到货" in supervisor.get(page).content.decode()
    step(clerk, "stockmovement_receive", sent.pk)
    assert not StockMovement.objects.filter(kind="arrived").exists()
    step(supervisor, "stockmovement_receive", sent.pk)
    assert StockMovement.objects.get(kind="arrived").witness == "clerk"
    assert "确认到货" not in supervisor.get(page).content.decode()
    scrapped = {"kind": "scrapped", "place": places.hall.pk, "first": first, "last": "", "reason": "折断"}
    step(clerk, "stockproposal_propose", **scrapped)
    step(supervisor, "stockproposal_approve", StockProposal.objects.get().pk)
    assert StockItem.objects.get(card__pan=first).state == "scrapped"
    lost = {"place": places.hall.pk, "first": last, "last": "", "reason": "盘点缺失"}
    step(clerk, "stockmovement_lose", **lost)
    assert HotListEntry.objects.get().pan == last
    assert StockItem.objects.filter(state="held", place=places.hall).count() == 1


def test_a_list_is_checked_taken_and_approved(places: Places, as_staff: SignIn) -> None:
    clerk = as_staff("clerk")
    given = {
        "product": make_product(real_name=True).pk,
        "organisation": "鲤城实验小学",
        "hall": places.hall.pk,
        "bureau": places.bureau.pk,
        "deadline": deadline(),
    }

    def send(content: bytes, **more: str) -> str:
        return step(
            clerk, "issuebatch_upload", file=SimpleUploadedFile("list.xlsx", content), **given, **more
        )

    bad, good = sheet([row(document="123")]), sheet([row(), row()])
    assert "逐位核对" in send(bad) or "证件号码" in send(bad)
    assert "名单的问题" in send(good, only_check="on")
    assert not IssueBatch.objects.exists()
    assert "鲤城实验小学" in send(good)
    batch = IssueBatch.objects.get()
    step(as_staff("supervisor"), "issuebatch_approve", batch.pk)
    assert IssueBatch.objects.get().state == "approved"


def test_an_order_of_a_list_is_decided_with_the_list(places: Places, as_staff: SignIn) -> None:
    order = uploaded(places, [row()]).order
    supervisor = as_staff("supervisor")
    page = reverse("admin:accounts_cardorder_change", args=[order.pk])
    assert "/approve/" not in supervisor.get(page).content.decode()
    assert "批量发卡" in step(supervisor, "cardorder_approve", order.pk, bureau=places.bureau.pk)
    assert order.items.count() == 0
