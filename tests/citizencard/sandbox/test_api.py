"""The sandbox's API and pages without a process: what each operation does, keeps and tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import responses

from accounts.errors import GatewayDeclined, GatewayError
from accounts.gateway import configured_gateway
from accounts.gateway.port import MandateStatus, PaymentGateway, PaymentStatus, RefundStatus
from citizencard.sandbox.callbacks import ATTEMPTS_MAX, PAUSES_S, Clockwork, signature_header
from citizencard.sandbox.forms import nested
from tests.citizencard.sandbox.wsgi import ANYWHERE, Sandbox

CALL_BACK = "http://merchant.example/webhook"
SECRET = "whsec_test"


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as net:
        yield net


@pytest.fixture
def sandbox(net: responses.RequestsMock) -> Sandbox:
    sandbox = Sandbox()
    for method in (responses.GET, responses.POST):
        net.add_callback(method, ANYWHERE, sandbox.answer)
    return sandbox


@pytest.fixture
def gateway(sandbox: Sandbox) -> PaymentGateway:
    return configured_gateway()


def paid(gateway: PaymentGateway, sandbox: Sandbox, method: str = "pm_card_visa", number: str = "TU1") -> str:
    payment = gateway.create_payment(order_number=number, amount_fen=10_000)
    sandbox.page(f"/pay/{payment.id}", do="pay", method=method)
    return payment.id


def kinds(sandbox: Sandbox) -> list[str]:
    return [json.loads(body)["type"] for body in sandbox.call_backs()]


@pytest.mark.parametrize(
    ("encoded", "fields"),
    [
        ("a=1&b=", {"a": "1", "b": ""}),
        ("m[x]=1&m[y]=2", {"m": {"x": "1", "y": "2"}}),
        ("l[0]=x&l[1]=y", {"l": ["x", "y"]}),
        ("expand[]=a&expand[]=b", {"expand": ["a", "b"]}),
        ("a[b][c]=1&a[b][d][0]=2", {"a": {"b": {"c": "1", "d": ["2"]}}}),
        ("m[5]=1", {"m": {"5": "1"}}),
        ("a=1&a[b]=2", {"a": "1"}),
        ("n=%E6%9E%97", {"n": "林"}),
    ],
)
def test_brackets_are_objects_and_lists(encoded: str, fields: dict[str, Any]) -> None:
    assert nested(encoded) == fields


class TestRefunds:
    def test_in_parts_and_never_more_than_was_paid(self, gateway: PaymentGateway, sandbox: Sandbox) -> None:
        payment_id = paid(gateway, sandbox)
        for key, amount_fen in (("RF1", 4_000), ("RF2", 6_000)):
            done = gateway.refund_payment(payment_id=payment_id, amount_fen=amount_fen, key=key)
            assert done.status is RefundStatus.SUCCEEDED
        assert gateway.retrieve_payment(payment_id).refunded_fen == 10_000
        with pytest.raises(GatewayError) as refusal:
            gateway.refund_payment(payment_id=payment_id, amount_fen=1, key="RF3")
        assert refusal.value.data["gateway_code"] == "charge_already_refunded"

    def test_once_per_key(self, gateway: PaymentGateway, sandbox: Sandbox) -> None:
        payment_id = paid(gateway, sandbox)
        refunds = {
            gateway.refund_payment(payment_id=payment_id, amount_fen=1_000, key="RF1").id for _ in range(5)
        }
        assert len(refunds) == 1
        assert gateway.retrieve_payment(payment_id).refunded_fen == 1_000

    def test_not_of_an_unpaid_payment(self, gateway: PaymentGateway) -> None:
        payment = gateway.create_payment(order_number="TU1", amount_fen=100)
        with pytest.raises(GatewayError):
            gateway.refund_payment(payment_id=payment.id, amount_fen=1, key="RF1")

    @pytest.mark.parametrize(
        ("method", "first", "then", "told", "refunded_fen"),
        [
            ("pm_card_pendingRefund", "pending", "succeeded", ["refund.updated"], 4_000),
            (
                "pm_card_refundFail",
                "succeeded",
                "failed",
                ["charge.updated", "refund.updated", "refund.failed"],
                0,
            ),
        ],
    )
    def test_some_wait_and_some_fail_in_the_end(
        self,
        method: str,
        first: str,
        then: str,
        told: list[str],
        refunded_fen: int,
        gateway: PaymentGateway,
        sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("citizencard.sandbox.refunds.SETTLES_AFTER_S", 0)
        payment_id = paid(gateway, sandbox, method)
        sandbox.call_backs()
        refund = gateway.refund_payment(payment_id=payment_id, amount_fen=4_000, key="RF1")
        assert refund.status == first
        sent: list[dict[str, Any]] = []
        clockwork = Clockwork(sandbox.store, CALL_BACK, SECRET)
        monkeypatch.setattr(clockwork, "_send", lambda body: sent.append(json.loads(body)) or True)
        while clockwork.work():
            pass
        assert [event["type"] for event in sent] == ["charge.refunded", "refund.created", *told]
        assert gateway.retrieve_refund(refund.id).status == then
        assert gateway.retrieve_payment(payment_id).refunded_fen == refunded_fen


class TestMandates:
    @pytest.fixture
    def setup_id(self, gateway: PaymentGateway) -> str:
        return gateway.start_mandate(reference="MD1", customer_ref="7f3c").id

    def test_agreed_on_the_page_debited_and_withdrawn(
        self, setup_id: str, gateway: PaymentGateway, sandbox: Sandbox
    ) -> None:
        assert gateway.retrieve_mandate(setup_id).status is MandateStatus.PENDING
        assert "同意并授权" in sandbox.page(f"/mandate/{setup_id}")
        assert "已同意" in sandbox.page(f"/mandate/{setup_id}", do="agree", method="pm_card_unionpay")
        agreed = gateway.retrieve_mandate(setup_id)
        debit = {"amount_fen": 5_000, "method": agreed.method, "mandate": agreed.mandate}
        assert gateway.collect_payment(order_number="TU1", **debit).status is PaymentStatus.SUCCEEDED
        assert "已撤销" in sandbox.page(f"/mandate/{setup_id}", do="withdraw")
        with pytest.raises(GatewayError) as refusal:
            gateway.collect_payment(order_number="TU2", **debit)
        assert refusal.value.data["gateway_code"] == "payment_intent_mandate_invalid"
        assert kinds(sandbox)[-1] == "mandate.updated"

    def test_asked_for_once_per_reference(self, setup_id: str, gateway: PaymentGateway) -> None:
        assert gateway.start_mandate(reference="MD1", customer_ref="7f3c").id == setup_id
        assert gateway.start_mandate(reference="MD2", customer_ref="7f3c").id != setup_id

    def test_an_empty_account_declines_and_the_same_order_stays_declined(
        self, setup_id: str, gateway: PaymentGateway, sandbox: Sandbox
    ) -> None:
        sandbox.page(f"/mandate/{setup_id}", do="agree", method="pm_card_unionpay_empty")
        agreed = gateway.retrieve_mandate(setup_id)
        for _ in range(2):
            with pytest.raises(GatewayDeclined):
                gateway.collect_payment(
                    order_number="TU1", amount_fen=5_000, method=agreed.method, mandate=agreed.mandate
                )
        assert kinds(sandbox).count("payment_intent.payment_failed") == 1

    def test_another_ones_mandate_debits_nobody(self, gateway: PaymentGateway, sandbox: Sandbox) -> None:
        agreed = []
        for reference in ("MD1", "MD2"):
            setup_id = gateway.start_mandate(reference=reference, customer_ref=reference).id
            sandbox.page(f"/mandate/{setup_id}", do="agree", method="pm_card_unionpay")
            agreed.append(gateway.retrieve_mandate(setup_id))
        with pytest.raises(GatewayError):
            gateway.collect_payment(
                order_number="TU1", amount_fen=1, method=agreed[0].method, mandate=agreed[1].mandate
            )

    def test_given_up(self, setup_id: str, gateway: PaymentGateway, sandbox: Sandbox) -> None:
        assert "已取消" in sandbox.page(f"/mandate/{setup_id}", do="cancel")
        assert gateway.retrieve_mandate(setup_id).status is MandateStatus.ENDED
        late = sandbox.page(f"/mandate/{setup_id}", do="agree", method="pm_card_unionpay")
        assert "role='alert'" in late


class TestPages:
    def test_every_way_to_pay_is_offered_in_two_languages(
        self, gateway: PaymentGateway, sandbox: Sandbox
    ) -> None:
        payment = gateway.create_payment(order_number="TU<1>", amount_fen=10_000)
        html = sandbox.page(f"/pay/{payment.id}")
        for words in ("支付宝", "Alipay", "微信支付", "WeChat Pay", "银行卡", "Bank card", "100.00"):
            assert words in html
        assert "TU&lt;1&gt;" in html
        assert "width=device-width" in html

    def test_a_declined_payer_may_choose_another_way(self, gateway: PaymentGateway, sandbox: Sandbox) -> None:
        payment = gateway.create_payment(order_number="TU1", amount_fen=100)
        page = f"/pay/{payment.id}"
        assert "declined" in sandbox.page(page, do="pay", method="pm_card_chargeDeclined")
        assert "已支付" in sandbox.page(page, do="pay", method="pm_wechat_pay")
        assert "role='alert'" in sandbox.page(page, do="pay", method="pm_alipay")
        assert kinds(sandbox).count("payment_intent.succeeded") == 1

    def test_a_page_of_nothing(self, sandbox: Sandbox) -> None:
        assert "resource_missing" in sandbox.page("/pay/pi_unknown")


class TestLists:
    @pytest.fixture
    def made(self, gateway: PaymentGateway) -> list[str]:
        """More than two pages of payments, oldest first."""
        return [
            gateway.create_payment(order_number=f"TU{running}", amount_fen=100).id for running in range(205)
        ]

    def test_all_pages_newest_first_each_once(self, made: list[str], gateway: PaymentGateway) -> None:
        now = datetime.now(UTC)
        listed = gateway.payments_between(start=now - timedelta(hours=1), end=now + timedelta(hours=1))
        assert [payment.id for payment in listed] == made[::-1]

    def test_from_start_to_before_end(self, gateway: PaymentGateway, sandbox: Sandbox) -> None:
        payment = gateway.create_payment(order_number="TU1", amount_fen=100)
        created, second = payment.created_at, timedelta(seconds=1)
        spans = [
            (created - second, created),
            (created, created + second),
            (created + second, created + 2 * second),
        ]
        found = [len(list(gateway.payments_between(start=start, end=end))) for start, end in spans]
        assert found == [0, 1, 0]


class TestKeys:
    def test_a_key_answers_the_same_after_a_restart(
        self, tmp_path: Path, net: responses.RequestsMock
    ) -> None:
        file = str(tmp_path / "sandbox.sqlite3")
        ids = set()
        for _ in range(2):
            sandbox = Sandbox(file)
            net.reset()
            for method in (responses.GET, responses.POST):
                net.add_callback(method, ANYWHERE, sandbox.answer)
            payment = configured_gateway().create_payment(order_number="TU1", amount_fen=100)
            ids.add(payment.id)
            assert configured_gateway().retrieve_payment(payment.id).order_number == "TU1"
        assert len(ids) == 1

    def test_what_was_refused_as_invalid_may_be_asked_for_again(self, gateway: PaymentGateway) -> None:
        with pytest.raises(GatewayError):
            gateway.create_payment(order_number="TU1", amount_fen=0)
        assert gateway.create_payment(order_number="TU1", amount_fen=1).amount_fen == 1

    def test_a_key_of_something_else_is_refused(self, gateway: PaymentGateway) -> None:
        gateway.create_payment(order_number="TU1", amount_fen=1)
        with pytest.raises(GatewayError):
            gateway.create_payment(order_number="TU1", amount_fen=2)


class TestCallBacks:
    """Sent until they are taken, also by the process after this one."""

    def test_signed_anew_each_time_and_repeated_until_taken(
        self,
        gateway: PaymentGateway,
        sandbox: Sandbox,
        net: responses.RequestsMock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("citizencard.sandbox.callbacks.PAUSES_S", (0.0,))
        net.remove(responses.POST, ANYWHERE)
        refused = [net.post(CALL_BACK, status=status) for status in (503, 422, 500)]
        taken = net.post(CALL_BACK, status=200)
        with sandbox.store.transaction():
            sandbox.store.emit("payment_intent.succeeded", {"id": "pi_1", "object": "payment_intent"})
        clockwork = Clockwork(sandbox.store, CALL_BACK, SECRET)
        while clockwork.work():
            pass
        assert [answer.call_count for answer in (*refused, taken)] == [1, 1, 1, 1]
        request = taken.calls[0].request
        at = int(request.headers["Stripe-Signature"].split(",")[0][2:])
        assert request.headers["Stripe-Signature"] == signature_header(request.body, SECRET, at=at)

    def test_it_gives_up_in_the_end(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("citizencard.sandbox.callbacks.PAUSES_S", (0.0,) * len(PAUSES_S))
        with sandbox.store.transaction():
            sandbox.store.emit("payment_intent.succeeded", {"id": "pi_1", "object": "payment_intent"})
        clockwork = Clockwork(sandbox.store, CALL_BACK, SECRET)
        attempts: list[bytes] = []
        monkeypatch.setattr(clockwork, "_send", attempts.append)
        while clockwork.work():
            pass
        assert len(attempts) == ATTEMPTS_MAX + 1
        assert len(set(attempts)) == 1

    def test_what_is_not_sent_is_sent_by_the_next_process(self, tmp_path: Path) -> None:
        file = str(tmp_path / "sandbox.sqlite3")
        store = Sandbox(file).store
        with store.transaction():
            store.emit("payment_intent.succeeded", {"id": "pi_1", "object": "payment_intent"})
        assert kinds(Sandbox(file)) == ["payment_intent.succeeded"]

    def test_nothing_is_half_done(self, gateway: PaymentGateway, sandbox: Sandbox) -> None:
        def crash() -> None:
            with sandbox.store.transaction():
                sandbox.store.emit("payment_intent.succeeded", {"id": "pi_1", "object": "payment_intent"})
                raise RuntimeError("crash")

        with pytest.raises(RuntimeError):
            crash()
        assert kinds(sandbox) == []
