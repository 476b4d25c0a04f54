"""Paying through the gateway: believed only when signed, booked once, kept as evidence when it does not fit."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests
import responses
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.errors import (
    GatewayError,
    GatewayEventMismatch,
    GatewaySignatureInvalid,
    GatewayUnavailable,
    IllegalOrderTransition,
    WrongChannel,
)
from accounts.models import GatewayEvent, TopUpOrder, Transfer
from accounts.selectors.balances import account_balance_fen
from accounts.services import topup
from accounts.services.ledger import open_account
from citizencard.core.models import BusinessDay
from citizencard.sandbox.callbacks import event_body
from tests.accounts.gateway.events import intent, signed
from tests.factories import CLERK, make_card, make_order, make_product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
State = TopUpOrder.State
Outcome = GatewayEvent.Outcome
INTENTS = f"{settings.GATEWAY_URL}/v1/payment_intents"
WEBHOOK = "/api/v1/gateway/webhook"


@pytest.fixture
def order() -> TopUpOrder:
    card = make_card(product=make_product(price_fen=0, deposit_fen=0))
    return make_order(card=card, channel="gateway", amount_fen=5_000)


def call_back(order: TopUpOrder, kind: str = "payment_intent.succeeded", **changes: Any) -> str:
    body = event_body(kind, intent(order, **changes))
    return topup.handle_gateway_event(body=body, signature=signed(body)).outcome


def state(order: TopUpOrder) -> str:
    return TopUpOrder.objects.get(pk=order.pk).state


def received_fen() -> int:
    return account_balance_fen(open_account(chart="1012").pk)


@responses.activate
def test_a_payment_is_asked_for_under_the_orders_number(order: TopUpOrder) -> None:
    call = responses.post(INTENTS, json=intent(order, status="requires_payment_method"))
    assert topup.start_gateway_payment(order=order) == "pi_1_secret_x"
    assert topup.start_gateway_payment(order=order) == "pi_1_secret_x"
    request = call.calls[0].request
    assert request.headers["Idempotency-Key"] == order.number
    assert request.headers["Stripe-Version"] == "2026-10-28.endive"
    for part in ("amount=5000", "currency=cny", "=alipay", "=wechat_pay", "=card", order.number):
        assert part in str(request.body)
    assert TopUpOrder.objects.get(pk=order.pk).gateway_id == "pi_1"
    assert (state(order), Transfer.objects.count()) == (State.INIT, 0)


@responses.activate
def test_no_transaction_is_open_while_the_gateway_answers(order: TopUpOrder) -> None:
    depth = len(connection.savepoint_ids)

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        assert len(connection.savepoint_ids) == depth
        return 200, {}, json.dumps(intent(order))

    responses.add_callback(responses.POST, INTENTS, answer)
    responses.add_callback(responses.GET, f"{INTENTS}/pi_1", answer)
    topup.start_gateway_payment(order=order)
    topup.poll_gateway_payment(order=order)
    assert state(order) == State.PAID


@responses.activate
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"body": requests.ConnectionError("gone")}, GatewayUnavailable),
        ({"status": 500, "json": {"error": {"message": "oops"}}}, GatewayUnavailable),
        ({"status": 429, "json": {"error": {"type": "rate_limit"}}}, GatewayUnavailable),
        ({"status": 400, "json": {"error": {"type": "invalid_request_error", "code": "x"}}}, GatewayError),
        ({"status": 401, "json": {"error": {"type": "invalid_request_error"}}}, GatewayError),
    ],
)
def test_a_gateway_in_trouble_changes_nothing(
    answer: dict[str, Any],
    error: type[Exception],
    order: TopUpOrder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stripe._http_client.HTTPClient._sleep_time_seconds", lambda *a, **k: 0)
    responses.post(INTENTS, **answer)
    with pytest.raises(error):
        topup.start_gateway_payment(order=order)
    assert (state(order), Transfer.objects.count()) == (State.INIT, 0)


@responses.activate
def test_a_lost_answer_is_found_again_by_asking(order: TopUpOrder) -> None:
    responses.post(INTENTS, json=intent(order))
    assert topup.poll_gateway_payment(order=order).state == State.PAID
    responses.get(f"{INTENTS}/pi_1", json=intent(order))
    assert topup.poll_gateway_payment(order=order).state == State.PAID
    assert received_fen() == order.amount_fen


@responses.activate
def test_a_payment_still_open_is_not_booked(order: TopUpOrder) -> None:
    responses.post(INTENTS, json=intent(order, status="processing"))
    assert topup.poll_gateway_payment(order=order).state == State.INIT
    assert received_fen() == 0


def test_cash_orders_are_not_the_gateways() -> None:
    with pytest.raises(WrongChannel):
        topup.start_gateway_payment(order=make_order())


def test_a_signed_success_is_booked(order: TopUpOrder) -> None:
    assert call_back(order) == Outcome.BOOKED
    booked = TopUpOrder.objects.get(pk=order.pk)
    assert (booked.state, booked.gateway_id, received_fen()) == (State.PAID, "pi_1", 5_000)
    with pytest.raises(IllegalOrderTransition):
        topup.start_gateway_payment(order=order)


def test_a_hundred_duplicates_book_once(order: TopUpOrder) -> None:
    body = event_body("payment_intent.succeeded", intent(order))
    for _ in range(50):
        topup.handle_gateway_event(body=body, signature=signed(body))
        call_back(order)
    assert (received_fen(), Transfer.objects.count()) == (5_000, 1)


def test_messages_out_of_order_do_no_harm(order: TopUpOrder) -> None:
    unpaid = {"status": "requires_payment_method"}
    assert call_back(order, "payment_intent.payment_failed", **unpaid) == Outcome.IGNORED
    assert call_back(order) == Outcome.BOOKED
    assert call_back(order, "payment_intent.created", **unpaid) == Outcome.IGNORED
    assert call_back(order, "payment_intent.canceled", status="canceled") == Outcome.IGNORED
    assert (state(order), received_fen()) == (State.PAID, 5_000)


def test_a_declined_payment_may_be_tried_again(order: TopUpOrder) -> None:
    call_back(order, "payment_intent.payment_failed", status="requires_payment_method")
    assert state(order) == State.INIT
    assert call_back(order) == Outcome.BOOKED


def test_other_messages_are_not_ours(order: TopUpOrder) -> None:
    body = event_body("charge.refunded", {"id": "ch_1", "object": "charge"})
    taken = topup.handle_gateway_event(body=body, signature=signed(body))
    assert (taken.kind, taken.object_id, taken.outcome) == ("charge.refunded", "ch_1", Outcome.IGNORED)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": 4_999}, "amount"),
        ({"amount": 500_000}, "amount"),
        ({"currency": "usd"}, "currency"),
        ({"metadata": {"order_number": "TU20260302FFFF"}}, "order"),
        ({"metadata": {}}, "order"),
        ({"metadata": None}, "order"),
    ],
)
def test_a_payment_that_does_not_fit_is_kept_as_evidence(
    change: dict[str, Any], field: str, order: TopUpOrder
) -> None:
    body = event_body("payment_intent.succeeded", intent(order, **change))
    for _ in range(2):
        with pytest.raises(GatewayEventMismatch) as refusal:
            topup.handle_gateway_event(body=body, signature=signed(body))
        assert refusal.value.data["field"] == field
    evidence = GatewayEvent.objects.get()
    assert (evidence.outcome, evidence.fault, evidence.object_id) == (Outcome.MISMATCH, field, "pi_1")
    assert (state(order), received_fen()) == (State.INIT, 0)


def test_a_second_payment_for_one_order_is_evidence(order: TopUpOrder) -> None:
    call_back(order)
    with pytest.raises(GatewayEventMismatch):
        call_back(order, id="pi_2")
    assert received_fen() == 5_000


def test_money_for_a_dropped_order_is_booked_and_goes_straight_back(order: TopUpOrder) -> None:
    topup.reverse_topup(order=order, actor=CLERK, reason="given up")
    assert (call_back(order), call_back(order)) == (Outcome.BOOKED, Outcome.IGNORED)
    assert (state(order), received_fen()) == (State.REVERSED, 5_000)
    assert order.gateway_refunds.get().amount_fen == 5_000


def test_a_late_duplicate_for_an_order_given_back_books_nothing(order: TopUpOrder) -> None:
    call_back(order)
    topup.reverse_topup(order=order, actor=CLERK, reason="given back")
    assert call_back(order) == Outcome.IGNORED
    assert (state(order), received_fen(), order.gateway_refunds.count()) == (State.REVERSED, 5_000, 1)


@pytest.mark.parametrize(
    "signature",
    ["", "t=1,v1=", "v1=00", "t=x,v1=y", "t=1", "nonsense", "t=1,v0=00"],
)
def test_an_unsigned_message_is_refused(signature: str, order: TopUpOrder) -> None:
    body = event_body("payment_intent.succeeded", intent(order))
    with pytest.raises(GatewaySignatureInvalid):
        topup.handle_gateway_event(body=body, signature=signature)
    assert received_fen() == 0


def test_an_old_message_is_refused(order: TopUpOrder) -> None:
    body = event_body("payment_intent.succeeded", intent(order))
    old = int(time.time()) - settings.SIGNATURE_TOLERANCE_SECONDS - 2
    with pytest.raises(GatewaySignatureInvalid):
        topup.handle_gateway_event(body=body, signature=signed(body, at=old))


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_changed_byte_gets_through(data: st.DataObject, order: TopUpOrder) -> None:
    body = event_body("payment_intent.succeeded", intent(order))
    signature = signed(body)
    at = data.draw(st.integers(0, len(body) - 1))
    flip = data.draw(st.integers(1, 255))
    forged = body[:at] + bytes([body[at] ^ flip]) + body[at + 1 :]
    with pytest.raises(GatewaySignatureInvalid), transaction.atomic():
        topup.handle_gateway_event(body=forged, signature=signature)
    assert received_fen() == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"type": "payment_intent.succeeded"}', b"{"])
def test_a_signed_body_that_makes_no_sense(body: bytes) -> None:
    with pytest.raises(GatewayError):
        topup.handle_gateway_event(body=body, signature=signed(body))


def test_the_address_answers_200_and_books(order: TopUpOrder, client: Client) -> None:
    body = event_body("payment_intent.succeeded", intent(order))
    headers = {"Stripe-Signature": signed(body)}
    answers = [client.post(WEBHOOK, body, content_type="application/json", headers=headers) for _ in range(2)]
    assert [(answer.status_code, answer.json()["booked"]) for answer in answers] == [(200, True)] * 2
    assert received_fen() == 5_000


@pytest.mark.parametrize(
    ("change", "signature", "status", "code"),
    [
        ({}, "t=1,v1=00", 400, "gateway_signature_invalid"),
        ({"amount": 1}, None, 422, "gateway_event_mismatch"),
        ({"amount": "much"}, None, 502, "gateway_error"),
    ],
)
def test_the_address_answers_problems(
    change: dict[str, Any], signature: str | None, status: int, code: str, order: TopUpOrder, client: Client
) -> None:
    body = event_body("payment_intent.succeeded", intent(order, **change))
    headers = {"Stripe-Signature": signature or signed(body)}
    answer = client.post(WEBHOOK, body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"


def test_the_address_takes_only_posts_of_a_decent_size(client: Client) -> None:
    assert client.get(WEBHOOK).status_code == 405
    assert client.post(WEBHOOK, b"x" * 300_000, content_type="application/json").status_code == 413


def test_before_the_first_day_opens_the_gateway_is_asked_to_come_again(
    order: TopUpOrder, client: Client
) -> None:
    BusinessDay.objects.all().delete()
    body = event_body("payment_intent.succeeded", intent(order))
    headers = {"Stripe-Signature": signed(body)}
    assert client.post(WEBHOOK, body, content_type="application/json", headers=headers).status_code == 503
    assert state(order) == State.INIT
