"""Call-backs that arrive at the same instant, on connections of their own."""

from __future__ import annotations

import pytest

from accounts.errors import GatewayEventMismatch
from accounts.models import GatewayEvent, TopUpOrder, Transfer
from accounts.services import topup
from citizencard.core.models import BusinessDay
from citizencard.sandbox.callbacks import event_body
from tests.accounts.gateway.events import intent, send
from tests.accounts.threads import in_threads
from tests.factories import CLERK, make_card, make_order, make_product

pytestmark = pytest.mark.django_db(transaction=True)
Outcome = GatewayEvent.Outcome


@pytest.fixture
def order(open_day: BusinessDay) -> TopUpOrder:
    card = make_card(product=make_product(price_fen=0, deposit_fen=0))
    return make_order(card=card, channel="gateway", amount_fen=5_000)


def outcomes() -> list[str]:
    return sorted(GatewayEvent.objects.values_list("outcome", flat=True))


def test_eight_messages_about_one_payment_book_it_once(order: TopUpOrder) -> None:
    bodies = [event_body("payment_intent.succeeded", intent(order)) for _ in range(8)]
    in_threads(8, lambda at: send(bodies[at]))
    assert outcomes() == [Outcome.BOOKED] + [Outcome.IGNORED] * 7
    assert Transfer.objects.count() == 1


def test_one_id_saying_eight_things_is_believed_once(order: TopUpOrder) -> None:
    body = event_body("payment_intent.succeeded", intent(order))
    bodies = [body.replace(b'"livemode": false', b'"livemode": %d' % at) for at in range(8)]
    in_threads(8, lambda at: send(bodies[at]), GatewayEventMismatch)
    assert outcomes() == [Outcome.BOOKED] + [Outcome.MISMATCH] * 7
    assert Transfer.objects.count() == 1


def test_two_payments_of_one_order_do_not_both_pay_it(order: TopUpOrder) -> None:
    bodies = [event_body("payment_intent.succeeded", intent(order, id=f"pi_{at}")) for at in range(4)]
    in_threads(4, lambda at: send(bodies[at]), GatewayEventMismatch)
    assert outcomes() == [Outcome.BOOKED] + [Outcome.MISMATCH] * 3
    assert Transfer.objects.count() == 1


def test_paid_while_a_clerk_drops_the_order(order: TopUpOrder) -> None:
    """Whoever is first, the payment is booked once and its message is kept."""
    body = event_body("payment_intent.succeeded", intent(order))
    steps = [lambda: send(body), lambda: topup.reverse_topup(order=order, actor=CLERK, reason="dropped")]
    in_threads(2, lambda at: steps[at]())
    assert Transfer.objects.filter(kind=Transfer.Kind.TOP_UP_PAID).count() == 1
    assert outcomes() == [Outcome.BOOKED]
