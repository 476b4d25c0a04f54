"""A citizen tops up: choose, pay at the gateway, see it arrive; and everything that can be refused on the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import responses
from django.conf import settings
from django.utils import timezone

from accounts.models import Purse, TopUpOrder
from citizencard.portal import pace
from tests.citizencard.portal.household import BASIS, Resident, pay
from tests.citizencard.sandbox.wsgi import Sandbox

FORM = "/cards/{}/top-up/"
KEY = "once-and-only-once"


def send(who: Resident, amount: str, *, key: str = KEY, kind: str = "account") -> Any:
    sent = {"amount_fen": amount, "purse_kind": kind, "request_key": key}
    return who.client.post(FORM.format(who.card.pk), sent)


def ordered(who: Resident, amount: str = "50", **more: str) -> TopUpOrder:
    answer = send(who, amount, **more)
    assert answer.status_code == 302
    return TopUpOrder.objects.get(number=answer["Location"].split("/")[2])


def test_top_up_the_online_account(lin: Resident, gateway: Sandbox) -> None:
    order = ordered(lin, "50", key=lin.key(FORM))
    text = lin.page(f"/orders/{order.number}/")
    assert f'href="{settings.GATEWAY_URL}/pay/{order.gateway_id}"' in text
    assert 'http-equiv="refresh"' in text
    pay(gateway, order)
    text = lin.page(f"/orders/{order.number}/")
    assert "充值成功" in text
    assert 'http-equiv="refresh"' not in text
    assert lin.balance_fen() == 5_000
    assert "50.00" in lin.page("/")


def test_value_for_the_chip_waits_for_the_card(lin: Resident, gateway: Sandbox) -> None:
    order = ordered(lin, "20", kind="chip")
    assert "有一笔¥20.00的充值尚未付款" in lin.page("/")
    pay(gateway, order)
    assert "已付款 ¥20.00" in lin.page("/")
    assert "圈存" in lin.page(f"/orders/{order.number}/")
    assert lin.balance_fen(Purse.Kind.CHIP) == 0


def test_a_form_sent_twice_is_one_order(lin: Resident, gateway: Sandbox) -> None:
    assert send(lin, "50")["Location"] == send(lin, "50")["Location"]
    assert TopUpOrder.objects.count() == 1


def test_the_same_form_with_another_amount_is_a_conflict(lin: Resident, gateway: Sandbox) -> None:
    send(lin, "50")
    assert send(lin, "60").status_code == 409
    assert TopUpOrder.objects.count() == 1


def test_two_people_never_share_a_key(lin: Resident, chen: Resident, gateway: Sandbox) -> None:
    assert ordered(lin).pk != ordered(chen).pk


@pytest.mark.parametrize("amount", ["", "0", "0.00", "-5", "1.234", "1e3", "五十", "abc", "9" * 17])
def test_what_is_no_amount_is_said_beside_the_field(lin: Resident, gateway: Sandbox, amount: str) -> None:
    answer = send(lin, amount)
    assert answer.status_code == 200
    assert 'class="field-error" id="id_amount_fen_error"' in answer.content.decode()
    assert not TopUpOrder.objects.exists()


def test_a_limit_is_named_with_its_basis(lin: Resident, gateway: Sandbox) -> None:
    assert BASIS in lin.page(FORM)
    answer = send(lin, "1000.01")
    assert answer.status_code == 422
    assert f"依据：{BASIS}" in answer.content.decode()
    assert not TopUpOrder.objects.exists()


@pytest.mark.parametrize("key", ["", "short", "x" * 33, "with spaces in it.."])
def test_a_form_without_its_key_is_refused(lin: Resident, gateway: Sandbox, key: str) -> None:
    assert send(lin, "50", key=key).status_code == 200
    assert not TopUpOrder.objects.exists()


def test_an_unknown_purse_is_refused(lin: Resident, gateway: Sandbox) -> None:
    assert send(lin, "50", kind="piggy").status_code == 200
    assert not TopUpOrder.objects.exists()


def test_a_gateway_that_does_not_answer_is_asked_again(lin: Resident, net: responses.RequestsMock) -> None:
    net.add(responses.POST, f"{settings.GATEWAY_URL}/v1/payment_intents", status=503)
    order = ordered(lin)
    assert "支付机构没有回应" in lin.page(f"/orders/{order.number}/")
    net.reset()
    sandbox = Sandbox()
    net.add_callback(responses.POST, f"{settings.GATEWAY_URL}/v1/payment_intents", sandbox.answer)
    lin.client.post(f"/orders/{order.number}/pay/")
    assert "立即付款" in lin.page(f"/orders/{order.number}/")


def test_an_unpaid_order_can_be_dropped_and_then_not_paid(lin: Resident, gateway: Sandbox) -> None:
    order = ordered(lin)
    lin.client.post(f"/orders/{order.number}/cancel/")
    assert "没有付款" in lin.page(f"/orders/{order.number}/")
    pay(gateway, order)
    assert lin.balance_fen() == 0


def test_a_forgotten_page_stops_looking(lin: Resident, gateway: Sandbox) -> None:
    order = ordered(lin)
    TopUpOrder.objects.update(received_at=timezone.now() - timedelta(minutes=11))
    assert 'http-equiv="refresh"' not in lin.page(f"/orders/{order.number}/")


def test_many_orders_at_once_are_slowed_down(lin: Resident, chen: Resident, gateway: Sandbox) -> None:
    for number in range(pace.ASKED_MAX):
        ordered(lin, "1", key=f"one-of-very-many-{number}")
    last = f"one-of-very-many-{number}"
    assert send(lin, "1", key="one-too-many-of-them").status_code == 429
    assert send(lin, "1", key=last).status_code == 302
    assert send(chen, "1").status_code == 302


def test_orders_are_their_makers_business(lin: Resident, chen: Resident, gateway: Sandbox) -> None:
    order = ordered(lin)
    for path, method in (("", "get"), ("pay/", "post"), ("cancel/", "post")):
        answer = getattr(chen.client, method)(f"/orders/{order.number}/{path}")
        assert answer.status_code == 404
    assert TopUpOrder.objects.get().state == TopUpOrder.State.INIT


def test_only_posts_change_anything(lin: Resident, gateway: Sandbox) -> None:
    order = ordered(lin)
    for path in ("pay/", "cancel/"):
        assert lin.client.get(f"/orders/{order.number}/{path}").status_code == 405
