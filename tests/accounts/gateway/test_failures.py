"""Whatever the gateway or the net does, a call ends in one of three ways: an answer, a definite no, or nobody knows."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses
from django.conf import settings

from accounts.errors import GatewayDeclined, GatewayError, GatewayEventMismatch, GatewayUnavailable
from accounts.gateway import configured_gateway
from accounts.gateway.port import PaymentGateway, PaymentStatus, RefundStatus
from accounts.gateway.stripe_compatible import RETRIES_MAX

PAYMENTS = f"{settings.GATEWAY_URL}/v1/payment_intents"
REFUNDS = f"{settings.GATEWAY_URL}/v1/refunds"
ANYWHERE = re.compile(f"{settings.GATEWAY_URL}/.*")
SPAN = {"start": datetime(2026, 3, 2, tzinfo=UTC), "end": datetime(2026, 3, 3, tzinfo=UTC)}
CALLS: dict[str, Callable[[PaymentGateway], object]] = {
    "create_payment": lambda gateway: gateway.create_payment(order_number="TU1", amount_fen=100),
    "retrieve_payment": lambda gateway: gateway.retrieve_payment("pi_1"),
    "cancel_payment": lambda gateway: gateway.cancel_payment("pi_1"),
    "collect_payment": lambda gateway: gateway.collect_payment(
        order_number="TU1", amount_fen=100, method="pm_1", mandate="mandate_1"
    ),
    "start_mandate": lambda gateway: gateway.start_mandate(reference="MD1", customer_ref="c"),
    "retrieve_mandate": lambda gateway: gateway.retrieve_mandate("seti_1"),
    "refund_payment": lambda gateway: gateway.refund_payment(payment_id="pi_1", amount_fen=1, key="RF1"),
    "retrieve_refund": lambda gateway: gateway.retrieve_refund("re_1"),
    "payments_between": lambda gateway: list(gateway.payments_between(**SPAN)),
    "refunds_between": lambda gateway: list(gateway.refunds_between(**SPAN)),
}
UNKNOWN: dict[str, dict[str, Any]] = {
    "reset": {"body": requests.ConnectionError("reset by peer")},
    "slow": {"body": requests.ReadTimeout("too slow")},
    "500": {"status": 500, "json": {"error": {"type": "api_error", "message": "oops"}}},
    "503 garbage": {"status": 503, "body": "<html>down for maintenance</html>"},
    "rate limit": {"status": 429, "json": {"error": {"type": "invalid_request_error", "code": "rate_limit"}}},
    "key in use": {"status": 409, "json": {"error": {"type": "idempotency_error"}}},
    "garbage": {"status": 200, "body": "<html>welcome to the hotel's network</html>"},
    "empty": {"status": 200, "body": ""},
    "redirected": {"status": 302, "headers": {"Location": "/login"}, "body": ""},
    "null": {"status": 200, "json": None},
    "a list": {"status": 200, "json": []},
    "a number": {"status": 200, "json": 7},
    "nothing in it": {"status": 200, "json": {}},
    "a list of nothing": {"status": 200, "json": {"object": "list"}},
    "another thing": {"status": 200, "json": {"object": "list", "data": [{"id": "x"}], "has_more": False}},
}
REFUSED: dict[str, dict[str, Any]] = {
    "400": {"status": 400, "json": {"error": {"type": "invalid_request_error", "code": "parameter_invalid"}}},
    "401": {"status": 401, "json": {"error": {"type": "invalid_request_error"}}},
    "403": {"status": 403, "json": {"error": {"type": "invalid_request_error"}}},
    "404": {"status": 404, "json": {"error": {"type": "invalid_request_error", "code": "resource_missing"}}},
    "404 garbage": {"status": 404, "body": "no such page"},
    "key of another request": {"status": 400, "json": {"error": {"type": "idempotency_error"}}},
}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library waits between its attempts; tests need not."""
    monkeypatch.setattr("stripe._http_client.HTTPClient._sleep_time_seconds", lambda *args, **named: 0)


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as net:
        yield net


def everywhere(net: responses.RequestsMock, answer: dict[str, Any]) -> None:
    for method in (responses.GET, responses.POST):
        net.add(method, ANYWHERE, **answer)


def intent(**changes: Any) -> dict[str, Any]:
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "created": 1_772_424_000,
        "amount": 100,
        "currency": "cny",
        "status": "succeeded",
        "metadata": {"order_number": "TU1"},
    } | changes


def refund(**changes: Any) -> dict[str, Any]:
    return {
        "id": "re_1",
        "object": "refund",
        "created": 1_772_424_000,
        "amount": 1,
        "currency": "cny",
        "status": "succeeded",
        "payment_intent": "pi_1",
        "metadata": {"refund_key": "RF1"},
    } | changes


def page(*items: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": list(items), "has_more": False, "url": "/v1/x"}


@pytest.mark.parametrize("failure", UNKNOWN)
@pytest.mark.parametrize("call", CALLS)
def test_nobody_knows(call: str, failure: str, net: responses.RequestsMock) -> None:
    everywhere(net, UNKNOWN[failure])
    with pytest.raises(GatewayUnavailable):
        CALLS[call](configured_gateway())


@pytest.mark.parametrize("failure", REFUSED)
@pytest.mark.parametrize("call", CALLS)
def test_a_definite_no(call: str, failure: str, net: responses.RequestsMock) -> None:
    everywhere(net, REFUSED[failure])
    with pytest.raises(GatewayError) as refusal:
        CALLS[call](configured_gateway())
    assert refusal.value.data["gateway_status"] == REFUSED[failure]["status"]


def test_a_silent_gateway_is_given_up(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.gateway.stripe_compatible.TIMEOUT_S", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        settings.GATEWAY_URL = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(GatewayUnavailable):
            configured_gateway().retrieve_payment("pi_1")


def test_a_net_failure_is_tried_again_a_few_times_under_the_same_key(net: responses.RequestsMock) -> None:
    lost = net.post(PAYMENTS, body=requests.ConnectionError("reset"))
    with pytest.raises(GatewayUnavailable):
        CALLS["create_payment"](configured_gateway())
    keys = [call.request.headers["Idempotency-Key"] for call in lost.calls]
    assert keys == ["TU1"] * (RETRIES_MAX + 1)


@pytest.mark.parametrize(
    ("call", "path", "key"),
    [
        ("create_payment", "payment_intents", "TU1"),
        ("collect_payment", "payment_intents", "collect:TU1"),
        ("start_mandate", "setup_intents", "mandate:MD1"),
        ("start_mandate", "customers", "customer:MD1"),
        ("refund_payment", "refunds", "refund:RF1"),
    ],
)
def test_the_key_is_the_events_own(call: str, path: str, key: str, net: responses.RequestsMock) -> None:
    known = {"id": "x_1", "object": "x", "customer": "cus_1"}
    net.get(f"{settings.GATEWAY_URL}/v1/payment_methods/pm_1", json=known)
    for listed in (PAYMENTS, REFUNDS):
        net.get(listed, json=page())
    net.post(f"{settings.GATEWAY_URL}/v1/{path}", status=404)
    net.post(f"{settings.GATEWAY_URL}/v1/customers", json=known)
    with pytest.raises(GatewayError):
        CALLS[call](configured_gateway())
    made = net.calls[-1].request
    assert (made.url, made.headers["Idempotency-Key"]) == (f"{settings.GATEWAY_URL}/v1/{path}", key)


def test_what_was_refused_is_not_tried_again(net: responses.RequestsMock) -> None:
    refused = net.post(PAYMENTS, **REFUSED["400"])
    with pytest.raises(GatewayError):
        CALLS["create_payment"](configured_gateway())
    assert refused.call_count == 1


def test_nothing_secret_is_in_an_error(net: responses.RequestsMock) -> None:
    everywhere(net, REFUSED["401"])
    with pytest.raises(GatewayError) as refusal:
        CALLS["create_payment"](configured_gateway())
    assert settings.GATEWAY_API_KEY not in f"{refusal.value!r} {refusal.value} {refusal.value.data}"
    assert "secret" not in repr(configured_gateway().__class__)


@pytest.mark.parametrize("status", ["requires_payment_method", "processing", "requires_action", "new_one"])
def test_what_is_not_final_is_pending(status: str, net: responses.RequestsMock) -> None:
    net.post(PAYMENTS, json=intent(status=status))
    payment = configured_gateway().create_payment(order_number="TU1", amount_fen=100)
    assert payment.status is PaymentStatus.PENDING


@pytest.mark.parametrize(("change", "field"), [({"currency": "usd"}, "currency"), ({"amount": 99}, "amount")])
@pytest.mark.parametrize("call", ["create_payment", "collect_payment"])
def test_a_payment_that_is_not_what_was_asked_for(
    call: str, change: dict[str, Any], field: str, net: responses.RequestsMock
) -> None:
    net.get(f"{settings.GATEWAY_URL}/v1/payment_methods/pm_1", json={"id": "pm_1", "customer": "cus_1"})
    net.get(PAYMENTS, json=page())
    net.post(PAYMENTS, json=intent(**change))
    with pytest.raises(GatewayEventMismatch) as refusal:
        CALLS[call](configured_gateway())
    assert refusal.value.data["field"] == field


@pytest.mark.parametrize(("change", "field"), [({"currency": "usd"}, "currency"), ({"amount": 2}, "amount")])
def test_a_refund_that_is_not_what_was_asked_for(
    change: dict[str, Any], field: str, net: responses.RequestsMock
) -> None:
    net.get(REFUNDS, json=page())
    net.post(REFUNDS, json=refund(**change))
    with pytest.raises(GatewayEventMismatch) as refusal:
        CALLS["refund_payment"](configured_gateway())
    assert refusal.value.data["field"] == field


def test_a_refund_whose_key_was_used_days_ago_is_found_and_not_made_again(
    net: responses.RequestsMock,
) -> None:
    net.get(REFUNDS, json=page(refund(id="re_0", metadata={"refund_key": "RF0"}), refund()))
    asked = net.post(REFUNDS, json=refund(id="re_2"))
    found = configured_gateway().refund_payment(payment_id="pi_1", amount_fen=1, key="RF1")
    assert (found.id, found.status, asked.call_count) == ("re_1", RefundStatus.SUCCEEDED, 0)


@pytest.mark.parametrize(
    ("status", "refund_status"),
    [
        ("pending", RefundStatus.PENDING),
        ("requires_action", RefundStatus.PENDING),
        ("succeeded", RefundStatus.SUCCEEDED),
        ("failed", RefundStatus.FAILED),
        ("canceled", RefundStatus.CANCELED),
    ],
)
def test_every_state_of_a_refund(
    status: str, refund_status: RefundStatus, net: responses.RequestsMock
) -> None:
    net.get(f"{REFUNDS}/re_1", json=refund(status=status, failure_reason="lost_or_stolen_card"))
    found = configured_gateway().retrieve_refund("re_1")
    assert (found.status, found.failure) == (refund_status, "lost_or_stolen_card")


class TestCollecting:
    """A mandate is debited once per order, however often and however late it is asked for."""

    DECLINE = {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}

    @pytest.fixture(autouse=True)
    def _method(self, net: responses.RequestsMock) -> None:
        net.get(f"{settings.GATEWAY_URL}/v1/payment_methods/pm_1", json={"id": "pm_1", "customer": "cus_1"})

    def test_a_decline_says_why(self, net: responses.RequestsMock) -> None:
        net.get(PAYMENTS, json=page())
        net.post(PAYMENTS, status=402, json={"error": self.DECLINE})
        with pytest.raises(GatewayDeclined) as refusal:
            CALLS["collect_payment"](configured_gateway())
        assert refusal.value.data["decline_code"] == "insufficient_funds"

    def test_one_collected_days_ago_is_found(self, net: responses.RequestsMock) -> None:
        net.get(PAYMENTS, json=page(intent(id="pi_0", metadata={}), intent()))
        asked = net.post(PAYMENTS, json=intent(id="pi_2"))
        payment = CALLS["collect_payment"](configured_gateway())
        assert (getattr(payment, "id", None), asked.call_count) == ("pi_1", 0)

    def test_one_declined_days_ago_is_declined(self, net: responses.RequestsMock) -> None:
        failed = intent(status="requires_payment_method", last_payment_error=self.DECLINE)
        net.get(PAYMENTS, json=page(failed))
        asked = net.post(PAYMENTS, json=intent(id="pi_2"))
        with pytest.raises(GatewayDeclined):
            CALLS["collect_payment"](configured_gateway())
        assert asked.call_count == 0

    def test_a_bank_that_takes_its_time(self, net: responses.RequestsMock) -> None:
        net.get(PAYMENTS, json=page())
        net.post(PAYMENTS, json=intent(status="processing"))
        payment = configured_gateway().collect_payment(
            order_number="TU1", amount_fen=100, method="pm_1", mandate="mandate_1"
        )
        assert payment.status is PaymentStatus.PENDING


def test_giving_up_what_is_given_up(net: responses.RequestsMock) -> None:
    net.post(f"{PAYMENTS}/pi_1/cancel", **REFUSED["400"])
    net.get(f"{PAYMENTS}/pi_1", json=intent(status="canceled"))
    assert configured_gateway().cancel_payment("pi_1").status is PaymentStatus.CANCELED


def test_what_is_paid_cannot_be_given_up(net: responses.RequestsMock) -> None:
    net.post(f"{PAYMENTS}/pi_1/cancel", **REFUSED["400"])
    net.get(f"{PAYMENTS}/pi_1", json=intent())
    with pytest.raises(GatewayError):
        configured_gateway().cancel_payment("pi_1")


def test_a_list_that_breaks_off_is_no_shorter_list(net: responses.RequestsMock) -> None:
    first = page(intent()) | {"has_more": True}
    net.get(PAYMENTS, json=first)
    net.get(PAYMENTS, status=500)
    payments = configured_gateway().payments_between(**SPAN)
    assert next(payments).id == "pi_1"
    with pytest.raises(GatewayUnavailable):
        next(payments)


def test_a_list_asks_for_whole_seconds_within_the_span(net: responses.RequestsMock) -> None:
    asked = net.get(PAYMENTS, json=page())
    start = datetime(2026, 3, 2, 0, 0, 0, 1, tzinfo=UTC)
    list(configured_gateway().payments_between(start=start, end=datetime(2026, 3, 3, tzinfo=UTC)))
    query = requests.utils.unquote(str(asked.calls[0].request.url))
    assert "created[gte]=1772409601" in query
    assert "created[lt]=1772496000" in query


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 10.5},
        {"amount": True},
        {"amount": "100"},
        {"amount": 10**30},
        {"id": ""},
        {"id": "x" * 300},
        {"id": "pi_\x00"},
        {"id": 7},
        {"created": 10**18},
        {"metadata": {"order_number": "TU\x001"}},
        {"metadata": {"order_number": "\ud800"}},
        {"metadata": [1]},
        {"currency": None},
        {"status": ["succeeded"]},
    ],
)
def test_wrong_content_is_no_answer(change: dict[str, Any], net: responses.RequestsMock) -> None:
    net.get(f"{PAYMENTS}/pi_1", body=json.dumps(intent(**change)))
    with pytest.raises(GatewayUnavailable):
        configured_gateway().retrieve_payment("pi_1")
