"""Call-backs are taken once: whoever sends them again, in whatever order, and whatever an old id is made to say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from accounts.errors import GatewayError, GatewayEventMismatch, GatewaySignatureInvalid
from accounts.gateway.port import GatewayRefund, MandateSetup, MandateStatus, RefundStatus
from accounts.models import GatewayEvent, TopUpOrder, Transfer
from accounts.selectors.balances import account_balance_fen
from accounts.services import topup
from accounts.services.gateway_events import handle_gateway_event
from accounts.services.ledger import open_account
from citizencard.core.calendar import NoOpenBusinessDay
from citizencard.core.models import BusinessDay
from citizencard.sandbox.callbacks import event_body
from tests.accounts.gateway.events import call_back, intent, refund, send, signed
from tests.factories import make_card, make_order, make_product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
Outcome = GatewayEvent.Outcome
WEBHOOK = "/api/v1/gateway/webhook"


@pytest.fixture
def order() -> TopUpOrder:
    card = make_card(product=make_product(price_fen=0, deposit_fen=0))
    return make_order(card=card, channel="gateway", amount_fen=5_000)


@pytest.fixture
def paid(order: TopUpOrder) -> bytes:
    """The call-back that the order is paid, not yet sent."""
    return event_body("payment_intent.succeeded", intent(order))


def changed(body: bytes, **changes: Any) -> bytes:
    return json.dumps(json.loads(body) | changes).encode()


def received_fen() -> int:
    return account_balance_fen(open_account(chart="1012").pk)


class Noted:
    """Stands where a service takes note of refunds or mandates."""

    def __init__(self, refuse: Exception | None = None) -> None:
        self.seen: list[Any] = []
        self._refuse = refuse

    def __call__(self, subject: Any) -> bool:
        self.seen.append(subject)
        if self._refuse:
            raise self._refuse
        return True


@pytest.fixture
def noted_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Noted], Noted]:
    def put(name: str, noted: Noted) -> Noted:
        monkeypatch.setattr(f"accounts.services.gateway_events.{name}", noted)
        return noted

    return put


REFUNDS, MANDATES = "note_refund", "note_mandate"


def test_the_row_says_what_came_and_what_came_of_it(order: TopUpOrder, paid: bytes) -> None:
    row = send(paid)
    assert (row.event_id, row.kind) == (json.loads(paid)["id"], "payment_intent.succeeded")
    assert (row.object_id, row.reference) == ("pi_1", order.number)
    assert (row.amount_fen, row.currency, row.outcome, row.fault) == (5_000, "cny", Outcome.BOOKED, "")


def test_the_same_message_again_does_nothing(paid: bytes) -> None:
    first = send(paid)
    assert [send(paid) for _ in range(100)] == [first] * 100
    assert (GatewayEvent.objects.count(), Transfer.objects.count(), received_fen()) == (1, 1, 5_000)


def test_a_message_sent_again_may_count_its_deliveries_otherwise(paid: bytes) -> None:
    assert send(changed(paid, pending_webhooks=0)) == send(paid)


def test_an_old_id_that_says_something_else_is_evidence(paid: bytes) -> None:
    send(paid)
    other = changed(paid, created=1)
    for _ in range(2):
        with pytest.raises(GatewayEventMismatch) as refusal:
            send(other)
        assert refusal.value.data["field"] == GatewayEvent.OTHER_CONTENT
    assert sorted(GatewayEvent.objects.values_list("outcome", flat=True)) == [
        Outcome.BOOKED,
        Outcome.MISMATCH,
    ]
    assert send(paid).outcome == Outcome.BOOKED
    assert received_fen() == 5_000


def test_an_ignored_id_cannot_be_used_to_book(order: TopUpOrder, paid: bytes) -> None:
    send(changed(paid, type="payment_intent.processing"))
    with pytest.raises(GatewayEventMismatch):
        send(paid)
    assert received_fen() == 0


def test_two_messages_about_one_payment_book_once(order: TopUpOrder) -> None:
    outcomes = [call_back("payment_intent.succeeded", intent(order)).outcome for _ in range(3)]
    assert outcomes == [Outcome.BOOKED, Outcome.IGNORED, Outcome.IGNORED]
    assert received_fen() == 5_000


def test_success_may_come_before_we_know_the_payments_id(order: TopUpOrder, paid: bytes) -> None:
    assert TopUpOrder.objects.get(pk=order.pk).gateway_id is None
    assert send(paid).outcome == Outcome.BOOKED
    assert TopUpOrder.objects.get(pk=order.pk).gateway_id == "pi_1"


def test_one_payment_cannot_pay_two_orders(order: TopUpOrder, paid: bytes) -> None:
    send(paid)
    other = make_order(card=make_card(), channel="gateway", amount_fen=5_000)
    with pytest.raises(GatewayEventMismatch) as refusal:
        call_back("payment_intent.succeeded", intent(other))
    assert refusal.value.data["field"] == "id"
    assert received_fen() == 5_000


def test_a_failure_of_ours_leaves_no_trace_so_that_the_message_is_taken_next_time(
    order: TopUpOrder, paid: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **named: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("accounts.services.gateway_events.record_event", fail)
        with pytest.raises(RuntimeError), transaction.atomic():
            send(paid)
    assert (GatewayEvent.objects.count(), received_fen()) == (0, 0)
    assert send(paid).outcome == Outcome.BOOKED


class TestSecretRotation:
    """For a while two secrets are good, and then the old one is not."""

    @pytest.fixture(autouse=True)
    def _two(self, settings: Any) -> None:
        settings.GATEWAY_WEBHOOK_SECRETS = ["whsec_new", "whsec_old"]

    @pytest.mark.parametrize("secret", ["whsec_new", "whsec_old"])
    def test_both_are_believed(self, secret: str, paid: bytes) -> None:
        row = handle_gateway_event(body=paid, signature=signed(paid, secret=secret))
        assert row.outcome == Outcome.BOOKED

    def test_others_are_not(self, paid: bytes) -> None:
        with pytest.raises(GatewaySignatureInvalid):
            handle_gateway_event(body=paid, signature=signed(paid, secret="whsec_demo"))

    def test_the_gateway_may_sign_with_both(self, paid: bytes) -> None:
        new, old = signed(paid, secret="whsec_new"), signed(paid, secret="whsec_old")
        both = f"{new},{old.split(',')[1]}"
        assert handle_gateway_event(body=paid, signature=both).outcome == Outcome.BOOKED

    def test_the_old_one_ends(self, paid: bytes, settings: Any) -> None:
        settings.GATEWAY_WEBHOOK_SECRETS = ["whsec_new"]
        with pytest.raises(GatewaySignatureInvalid):
            handle_gateway_event(body=paid, signature=signed(paid, secret="whsec_old"))


class TestRefundsAndMandates:
    """Other services take note of them, in the transaction of the message."""

    @pytest.mark.parametrize("kind", ["refund.created", "refund.updated", "refund.failed"])
    def test_a_refund_is_noted(self, kind: str, noted_by: Callable[[str, Noted], Noted]) -> None:
        noted = noted_by(REFUNDS, Noted())
        row = call_back(kind, refund(status="failed", failure_reason="lost_or_stolen_card"))
        assert (row.outcome, row.reference, row.amount_fen) == (Outcome.BOOKED, "RF1", 1_000)
        (seen,) = noted.seen
        assert isinstance(seen, GatewayRefund)
        assert (seen.key, seen.status, seen.failure) == ("RF1", RefundStatus.FAILED, "lost_or_stolen_card")

    def test_a_mandate_agreed_and_withdrawn_is_noted(self, noted_by: Callable[[str, Noted], Noted]) -> None:
        noted = noted_by(MANDATES, Noted())
        setup = {"id": "seti_1", "object": "setup_intent", "status": "succeeded", "mandate": "mandate_1"}
        call_back("setup_intent.succeeded", setup | {"metadata": {"reference": "MD1"}})
        call_back("mandate.updated", {"id": "mandate_1", "object": "mandate", "status": "inactive"})
        assert noted.seen == [
            MandateSetup("seti_1", MandateStatus.ACTIVE, reference="MD1", mandate="mandate_1"),
            MandateSetup("", MandateStatus.ENDED, mandate="mandate_1"),
        ]

    def test_it_is_noted_once(self, noted_by: Callable[[str, Noted], Noted]) -> None:
        noted = noted_by(REFUNDS, Noted())
        body = event_body("refund.updated", refund())
        assert send(body) == send(body)
        assert len(noted.seen) == 1

    def test_a_refund_that_contradicts_our_records_is_evidence(
        self, noted_by: Callable[[str, Noted], Noted]
    ) -> None:
        noted = noted_by(REFUNDS, Noted(GatewayEventMismatch(field="amount")))
        body = event_body("refund.updated", refund())
        for _ in range(2):
            with pytest.raises(GatewayEventMismatch):
                send(body)
        row = GatewayEvent.objects.get()
        assert (row.outcome, row.fault, row.object_id, len(noted.seen)) == (
            Outcome.MISMATCH,
            "amount",
            "re_1",
            1,
        )

    def test_what_was_done_before_the_refusal_is_undone(
        self, order: TopUpOrder, noted_by: Callable[[str, Noted], Noted]
    ) -> None:
        def half(_refund: GatewayRefund) -> None:
            call_back("payment_intent.succeeded", intent(order))
            raise GatewayEventMismatch(field="amount")

        noted_by(REFUNDS, half)  # type: ignore[arg-type]
        with pytest.raises(GatewayEventMismatch):
            call_back("refund.updated", refund())
        assert (received_fen(), GatewayEvent.objects.get().kind) == (0, "refund.updated")

    def test_a_charge_refunded_is_told_by_its_refund(self, noted_by: Callable[[str, Noted], Noted]) -> None:
        noted = noted_by(REFUNDS, Noted())
        charge = {"id": "ch_1", "object": "charge", "amount_refunded": 1_000}
        assert call_back("charge.refunded", charge).outcome == Outcome.IGNORED
        assert noted.seen == []


class TestEvidence:
    """Rows are for ever, also for whoever has the database."""

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE accounts_gatewayevent SET outcome = 'booked', fault = ''",
            "DELETE FROM accounts_gatewayevent",
            "TRUNCATE accounts_gatewayevent",
        ],
    )
    def test_nothing_is_changed_or_removed(self, sql: str, paid: bytes) -> None:
        send(paid)
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)

    @pytest.mark.parametrize(
        ("outcome", "fault"), [("booked", "amount"), ("mismatch", ""), ("lost", ""), ("ignored", "id")]
    )
    def test_a_contradiction_names_its_field_and_nothing_else_does(self, outcome: str, fault: str) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            GatewayEvent.objects.create(
                event_id="evt_1", kind="x", digest=bytes(32), outcome=outcome, fault=fault
            )

    def test_an_id_is_taken_once(self, paid: bytes) -> None:
        row = send(paid)
        with pytest.raises(IntegrityError), transaction.atomic():
            GatewayEvent.objects.create(
                event_id=row.event_id, kind="x", digest=bytes(32), outcome=Outcome.BOOKED
            )


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": None},
        {"id": "e" * 300},
        {"type": 7},
        {"type": "\ud800"},
        {"data": {}},
        {"data": {"object": []}},
        {"data": {"object": {"object": "payment_intent"}}},
    ],
)
def test_a_signed_message_that_makes_no_sense_is_refused(changes: dict[str, Any], paid: bytes) -> None:
    with pytest.raises(GatewayError):
        send(changed(paid, **changes))
    assert GatewayEvent.objects.count() == 0


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 50_000, b"1e999", b"NaN", b'"evt"', b"\xff\xfe{}"]
)
def test_a_signed_body_made_to_break_the_reader_is_refused(body: bytes, client: Client) -> None:
    signature = signed(body)
    answer = client.post(
        WEBHOOK, body, content_type="application/json", headers={"Stripe-Signature": signature}
    )
    assert answer.status_code in (400, 502)
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("length", ["-1", "many", "1e3"])
def test_a_length_that_is_none_is_no_crash(length: str, client: Client) -> None:
    answer = client.post(WEBHOOK, b"{}", content_type="application/json", CONTENT_LENGTH=length)
    assert answer.status_code in (400, 413)


def test_a_polled_contradiction_is_kept_once(order: TopUpOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    from accounts.gateway import stripe_objects

    payment = stripe_objects.payment(intent(order, amount=1))

    class Answering:
        def create_payment(self, **_asked: object) -> object:
            return payment

        def retrieve_payment(self, _payment_id: str) -> object:
            return payment

    monkeypatch.setattr("accounts.services.gateway_payment.configured_gateway", Answering)
    for _ in range(2):
        with pytest.raises(GatewayEventMismatch):
            topup.poll_gateway_payment(order=order)
    row = GatewayEvent.objects.get()
    assert (row.kind, row.fault, row.amount_fen) == ("polled", "amount", 1)
    assert received_fen() == 0


def test_before_the_first_day_nothing_is_kept(paid: bytes) -> None:
    BusinessDay.objects.all().delete()
    with pytest.raises(NoOpenBusinessDay), transaction.atomic():
        send(paid)
    assert GatewayEvent.objects.count() == 0
