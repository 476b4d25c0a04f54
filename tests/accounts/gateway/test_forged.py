"""Thousands of forged, replayed and reordered call-backs: what is credited is what the gateway said, to the fen."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from django.conf import settings
from django.test import Client

from accounts.errors import GatewayError, GatewayEventMismatch, GatewaySignatureInvalid
from accounts.models import GatewayEvent, TopUpOrder, Transfer
from accounts.selectors.balances import account_balance_fen
from accounts.services.gateway_events import handle_gateway_event
from accounts.services.ledger import open_account
from citizencard.sandbox.callbacks import event_body
from tests.accounts.gateway.events import intent, signed
from tests.factories import make_card, make_order, make_product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]

FORGERIES: Final = int(os.environ.get("FORGERIES", "10000"))
ORDERS: Final = 10
AMOUNT_FEN: Final = 1_000
KINDS: Final = ("payment_intent.succeeded", "payment_intent.created", "payment_intent.payment_failed")

Message = tuple[bytes, str]
Forger = Callable[[random.Random, bytes], Message]


def _byte_flipped(dice: random.Random, body: bytes) -> Message:
    at = dice.randrange(len(body))
    return body[:at] + bytes([body[at] ^ dice.randrange(1, 256)]) + body[at + 1 :], signed(body)


def _amount_raised(dice: random.Random, body: bytes) -> Message:
    raised = body.replace(b'"amount": 1000', b'"amount": %d' % dice.randrange(1_001, 100_000))
    return raised, signed(body)


def _cut(dice: random.Random, body: bytes) -> Message:
    return body[: dice.randrange(len(body))], signed(body)


def _lengthened(dice: random.Random, body: bytes) -> Message:
    return body + dice.choice([b" ", b"\n", b"}", b"\x00"]), signed(body)


def _with_a_guessed_secret(dice: random.Random, body: bytes) -> Message:
    return body, signed(body, secret=dice.choice(["whsec_", "whsec_test", "", "secret"]) + str(dice.random()))


def _with_a_guessed_digest(dice: random.Random, body: bytes) -> Message:
    return body, f"t={int(time.time())},v1={dice.randbytes(32).hex()}"


def _signed_long_ago(dice: random.Random, body: bytes) -> Message:
    age_s = settings.SIGNATURE_TOLERANCE_SECONDS + dice.randrange(2, 10**6)
    return body, signed(body, at=int(time.time()) - age_s)


def _made_younger(dice: random.Random, body: bytes) -> Message:
    _message, old = _signed_long_ago(dice, body)
    return body, f"t={int(time.time())},{old.split(',')[1]}"


def _in_another_scheme(_dice: random.Random, body: bytes) -> Message:
    return body, signed(body).replace("v1=", "v0=")


def _signature_of_another(dice: random.Random, body: bytes) -> Message:
    return body, signed(event_body("payment_intent.succeeded", {"id": f"pi_{dice.random()}"}))


def _unsigned(dice: random.Random, body: bytes) -> Message:
    return body, dice.choice(["", "t=,v1=", "v1=", "t=1", "none", "t=٣,v1=٣", "," * 50])


FORGERS: Final[tuple[Forger, ...]] = (
    _byte_flipped,
    _amount_raised,
    _cut,
    _lengthened,
    _with_a_guessed_secret,
    _with_a_guessed_digest,
    _signed_long_ago,
    _made_younger,
    _in_another_scheme,
    _signature_of_another,
    _unsigned,
)


def make_orders() -> list[TopUpOrder]:
    product = make_product(price_fen=0, deposit_fen=0)
    return [
        make_order(card=make_card(product=product), channel="gateway", amount_fen=AMOUNT_FEN)
        for _ in range(ORDERS)
    ]


def body_about(order: TopUpOrder, kind: str) -> bytes:
    status = "succeeded" if kind == KINDS[0] else "requires_payment_method"
    return event_body(kind, intent(order, id=f"pi_{order.number}", status=status))


def forgeries(dice: random.Random, orders: list[TopUpOrder]) -> Iterator[tuple[str, Message]]:
    """Mutations of what the gateway says, or would say, of any of the orders."""
    bodies = [body_about(order, KINDS[0]) for order in orders]
    for running in range(FORGERIES):
        forger = FORGERS[running % len(FORGERS)]
        yield forger.__name__, forger(dice, dice.choice(bodies))


def genuine(dice: random.Random, orders: list[TopUpOrder]) -> list[Message]:
    """Everything the gateway says of the orders, three times and shuffled."""
    bodies = [body_about(order, kind) for order in orders for kind in KINDS] * 3
    dice.shuffle(bodies)
    return [(body, signed(body)) for body in bodies]


def credited_fen() -> int:
    return account_balance_fen(open_account(chart="1012").pk)


def taken(message: Message) -> bool:
    try:
        handle_gateway_event(body=message[0], signature=message[1])
    except (GatewaySignatureInvalid, GatewayError, GatewayEventMismatch):
        return False
    return True


def test_only_what_the_gateway_signed_is_credited(record_property: Callable[[str, object], None]) -> None:
    dice = random.Random(20260302)
    orders = make_orders()
    paying, unpaid = orders[: ORDERS // 2], orders[ORDERS // 2 :]
    spoken = genuine(dice, paying)
    pause = max(1, FORGERIES // len(spoken))
    believed: Counter[str] = Counter()
    for running, (forger, message) in enumerate(forgeries(dice, orders)):
        if running % pause == 0 and spoken:
            assert taken(spoken.pop())
        believed[forger] += taken(message)
    assert all(taken(message) for message in spoken)
    assert {forger: count for forger, count in believed.items() if count} == {}
    assert credited_fen() == len(paying) * AMOUNT_FEN
    assert Transfer.objects.filter(kind=Transfer.Kind.TOP_UP_PAID).count() == len(paying)
    assert GatewayEvent.objects.count() == len(paying) * len(KINDS)
    states = {order.state for order in TopUpOrder.objects.filter(pk__in=[order.pk for order in unpaid])}
    assert states == {TopUpOrder.State.INIT}
    record_property("counted", f"forged call-backs: {FORGERIES:,}, credited 0")


def test_control_without_the_signature_check_forgeries_are_credited(
    monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setattr(
        "accounts.gateway.stripe_compatible.StripeCompatibleGateway._signed", lambda *arguments: True
    )
    dice = random.Random(20260302)
    orders = make_orders()
    for _forger, message in list(forgeries(dice, orders))[:200]:
        taken(message)
    assert credited_fen() > 0
    record_property(
        "counted", f"without the signature check: {credited_fen() // AMOUNT_FEN} forgeries credited"
    )


def test_control_without_the_age_check_old_messages_are_credited(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(20260302)
    (order, *_others) = make_orders()
    message = _signed_long_ago(dice, body_about(order, KINDS[0]))
    assert not taken(message)
    monkeypatch.setattr("accounts.gateway.settings.SIGNATURE_TOLERANCE_SECONDS", 10**9)
    assert taken(message)
    assert credited_fen() == AMOUNT_FEN


def test_the_address_answers_each_forgery_with_a_problem(client: Client) -> None:
    dice = random.Random(20260302)
    orders = make_orders()
    for _forger, (body, signature) in list(forgeries(dice, orders))[:220]:
        headers = {"Stripe-Signature": signature}
        answer = client.post(
            "/api/v1/gateway/webhook", body, content_type="application/json", headers=headers
        )
        assert answer.status_code == 400
        assert json.loads(answer.content)["code"] == "gateway_signature_invalid"
    assert (credited_fen(), GatewayEvent.objects.count()) == (0, 0)
