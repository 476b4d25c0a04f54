"""Every request we send and every answer and event of the sandbox fits the gateway's published API."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import responses
import stripe
from requests import PreparedRequest
from stripe import params

from accounts.errors import GatewayDeclined, GatewayError
from accounts.gateway import configured_gateway
from accounts.gateway.port import MandateStatus, PaymentGateway, PaymentStatus, RefundStatus
from accounts.gateway.stripe_compatible import API_VERSION
from citizencard.sandbox.forms import nested
from citizencard.sandbox.mandates import CARDS
from citizencard.sandbox.payments import METHODS
from citizencard.sandbox.refunds import settle
from tests.accounts.gateway.stripe_schema import check_error, check_object, of_params
from tests.citizencard.sandbox.wsgi import Sandbox

ONE = r"/[a-z]+_\w+"
REQUESTS: dict[tuple[str, str], type] = {
    ("POST", "/v1/customers"): params.CustomerCreateParams,
    ("POST", "/v1/payment_intents"): params.PaymentIntentCreateParams,
    ("GET", "/v1/payment_intents"): params.PaymentIntentListParams,
    ("GET", f"/v1/payment_intents{ONE}"): params.PaymentIntentRetrieveParams,
    ("POST", f"/v1/payment_intents{ONE}/cancel"): params.PaymentIntentCancelParams,
    ("GET", f"/v1/payment_methods{ONE}"): params.PaymentMethodRetrieveParams,
    ("POST", "/v1/refunds"): params.RefundCreateParams,
    ("GET", "/v1/refunds"): params.RefundListParams,
    ("GET", f"/v1/refunds{ONE}"): params.RefundRetrieveParams,
    ("POST", "/v1/setup_intents"): params.SetupIntentCreateParams,
    ("GET", f"/v1/setup_intents{ONE}"): params.SetupIntentRetrieveParams,
}
"""The operations we use: method and path, and what may be sent."""


def check_request(method: str, path: str, encoded: str) -> tuple[str, str]:
    """The operation a request belongs to. Raises jsonschema.ValidationError if it does not fit it."""
    operation = next(key for key in REQUESTS if key[0] == method and re.fullmatch(key[1], path))
    schema = of_params(REQUESTS[operation])
    jsonschema.validate(typed(nested(encoded), schema), schema)
    return operation


def typed(value: Any, schema: dict[str, Any]) -> Any:
    """A form has texts only: `100` and `true` are read as what the schema has in their place."""
    kinds = [schema, *schema.get("anyOf", [])]
    if isinstance(value, dict):
        fields: dict[str, Any] = {}
        for kind in kinds:
            fields |= kind.get("properties", {})
        return {name: typed(below, fields.get(name, {})) for name, below in value.items()}
    if isinstance(value, list):
        return [typed(item, schema.get("items", {})) for item in value]
    names = {kind.get("type") for kind in kinds}
    if "integer" in names and re.fullmatch(r"-?\d+", value):
        return int(value)
    return value == "true" if "boolean" in names and value in ("true", "false") else value


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        sandbox = Sandbox()
        for method in (responses.GET, responses.POST):
            mock.add_callback(method, re.compile(".*"), sandbox.answer)
        yield sandbox


@pytest.fixture
def gateway(sandbox: Sandbox) -> PaymentGateway:
    return configured_gateway()


def mandate_of(
    gateway: PaymentGateway, sandbox: Sandbox, card: str = "pm_card_unionpay"
) -> tuple[str, str, str]:
    """Setup, method and mandate that a payer agreed to."""
    setup = gateway.start_mandate(reference=f"MD-{card}", customer_ref="7f3c")
    sandbox.page(f"/mandate/{setup.id}", do="agree", method=card)
    agreed = gateway.retrieve_mandate(setup.id)
    return setup.id, agreed.method, agreed.mandate


def a_whole_life(gateway: PaymentGateway, sandbox: Sandbox) -> None:
    """Every call of the port, with every kind of answer the sandbox has."""
    for running, method in enumerate(METHODS):
        payment = gateway.create_payment(order_number=f"TU{running}", amount_fen=10_000)
        sandbox.page(f"/pay/{payment.id}", do="pay", method=method)
        if gateway.retrieve_payment(payment.id).status is PaymentStatus.SUCCEEDED:
            refund = gateway.refund_payment(payment_id=payment.id, amount_fen=4_000, key=f"RF{running}")
            with sandbox.store.transaction():
                settle(sandbox.store, refund.id) if METHODS[method].refund != "succeeds" else None
            gateway.retrieve_refund(refund.id)
        else:
            gateway.cancel_payment(payment.id)
    for card in CARDS:
        setup_id, method, mandate = mandate_of(gateway, sandbox, card)
        with contextlib.suppress(GatewayDeclined):
            gateway.collect_payment(
                order_number=f"TU-{card}", amount_fen=5_000, method=method, mandate=mandate
            )
        sandbox.page(f"/mandate/{setup_id}", do="withdraw")
    given_up = gateway.start_mandate(reference="MD-given-up", customer_ref="7f3c")
    sandbox.page(f"/mandate/{given_up.id}", do="cancel")
    with pytest.raises(GatewayError):
        gateway.retrieve_payment("pi_unknown")
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    assert len(list(gateway.payments_between(start=start, end=end))) == len(METHODS) + len(CARDS)
    assert len(list(gateway.refunds_between(start=start, end=end))) == len(METHODS) - 1


def test_the_version_is_the_one_the_descriptions_are_of() -> None:
    assert stripe.api_version == API_VERSION


def test_every_request_is_one_the_api_describes(gateway: PaymentGateway, sandbox: Sandbox) -> None:
    a_whole_life(gateway, sandbox)
    used = set()
    for request, _answer in api_exchanges(sandbox):
        url = urlsplit(str(request.url))
        encoded = text_of(request) if request.method == "POST" else url.query
        used.add(check_request(str(request.method), url.path, encoded))
        assert request.headers["Stripe-Version"] == API_VERSION
        assert request.headers["Authorization"].startswith("Bearer ")
        if request.method == "POST":
            assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
            assert request.headers["Idempotency-Key"]
    assert used == set(REQUESTS)


def test_every_answer_and_event_of_the_sandbox_is_one_the_api_describes(
    gateway: PaymentGateway, sandbox: Sandbox
) -> None:
    a_whole_life(gateway, sandbox)
    statuses = set()
    for _request, (status, _headers, content) in api_exchanges(sandbox):
        statuses.add(status)
        check = check_object if status == 200 else check_error
        check(json.loads(content))
    assert statuses == {200, 402, 404}
    kinds = set()
    for body in sandbox.call_backs():
        event = json.loads(body)
        check_object(event)
        assert event["api_version"] == API_VERSION
        kinds.add(event["type"])
    assert kinds >= {
        "payment_intent.created",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.canceled",
        "charge.succeeded",
        "charge.refunded",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "setup_intent.created",
        "setup_intent.succeeded",
        "setup_intent.canceled",
        "mandate.updated",
    }


@pytest.mark.parametrize(
    ("method", "path", "encoded"),
    [
        ("POST", "/v1/payment_intents", "amount=100&currency=cny&order=1"),
        ("POST", "/v1/payment_intents", "amount=1.5&currency=cny"),
        ("POST", "/v1/payment_intents", "amount=100"),
        ("POST", "/v1/payment_intents", "amount=100&currency=cny&off_session=maybe"),
        ("POST", "/v1/payment_intents", "amount=100&currency=cny&allowed_payment_method_types[0]=cheque"),
        ("POST", "/v1/payment_intents", "amount=100&currency=cny&metadata=1"),
        ("POST", "/v1/refunds", "payment_intent=pi_1&reason=regret"),
        ("GET", "/v1/refunds", "created[since]=1"),
        ("POST", "/v1/setup_intents", "usage=sometimes"),
    ],
)
def test_a_request_the_api_does_not_describe_is_found(method: str, path: str, encoded: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check_request(method, path, encoded)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda intent: intent.pop("status"),
        lambda intent: intent.update(amount="100"),
        lambda intent: intent.update(status="paid"),
        lambda intent: intent.update(order_number="TU1"),
    ],
)
def test_an_answer_the_api_does_not_describe_is_found(
    break_it: Callable[[dict[str, Any]], None], gateway: PaymentGateway, sandbox: Sandbox
) -> None:
    gateway.create_payment(order_number="TU1", amount_fen=100)
    intent = json.loads(sandbox.exchanges[-1][1][2])
    check_object(intent)
    break_it(intent)
    with pytest.raises(jsonschema.ValidationError):
        check_object(intent)


def test_the_port_tells_what_happened(gateway: PaymentGateway, sandbox: Sandbox) -> None:
    payment = gateway.create_payment(order_number="TU1", amount_fen=10_000)
    sandbox.page(f"/pay/{payment.id}", do="pay", method="pm_card_pendingRefund")
    refund = gateway.refund_payment(payment_id=payment.id, amount_fen=4_000, key="RF1")
    assert (refund.status, refund.key, refund.payment_id) == (RefundStatus.PENDING, "RF1", payment.id)
    assert gateway.retrieve_payment(payment.id).refunded_fen == 4_000
    _setup, method, mandate = mandate_of(gateway, sandbox, "pm_card_unionpay_empty")
    with pytest.raises(GatewayDeclined) as refusal:
        gateway.collect_payment(order_number="TU2", amount_fen=100, method=method, mandate=mandate)
    assert refusal.value.data["decline_code"] == "insufficient_funds"
    setup_id, method, mandate = mandate_of(gateway, sandbox)
    agreed = gateway.retrieve_mandate(setup_id)
    assert (agreed.status, agreed.bank_name, agreed.last4) == (MandateStatus.ACTIVE, "unionpay", "0005")
    assert (agreed.funding, agreed.reference) == ("debit", "MD-pm_card_unionpay")
    collected = gateway.collect_payment(order_number="TU3", amount_fen=100, method=method, mandate=mandate)
    assert (collected.status, collected.order_number) == (PaymentStatus.SUCCEEDED, "TU3")


def api_exchanges(sandbox: Sandbox) -> list[tuple[PreparedRequest, tuple[int, dict[str, str], bytes]]]:
    return [found for found in sandbox.exchanges if "/v1/" in str(found[0].url)]


def text_of(request: PreparedRequest) -> str:
    body = request.body or ""
    return body if isinstance(body, str) else body.decode()
