"""The sandbox gateway as a process of its own: order, pay page, signed call-back, booked."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from pytest_django.live_server_helper import LiveServer

from accounts.errors import GatewayError
from accounts.gateway import configured_gateway
from accounts.gateway.port import PaymentStatus
from accounts.models import TopUpOrder
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import topup
from accounts.services.ledger import open_account
from citizencard.core.calendar import open_business_day
from citizencard.core.models import BusinessDay
from citizencard.embedded.lifeline import tied_to_parent
from tests.factories import make_order
from tests.fixtures_accounts import TODAY

PROJECT = Path(__file__).resolve().parents[3]
KEY = {"Authorization": "Bearer sk_test_demo"}

pytestmark = pytest.mark.django_db(transaction=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_sandbox(port: int, webhook: str, *more: str) -> subprocess.Popen[str]:
    words = ["sandbox", "--port", str(port), "--webhook", webhook, *more]
    command = tied_to_parent([sys.executable, str(PROJECT / "manage.py"), *words])
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    assert "Sandbox gateway at" in process.stdout.readline()
    return process


@pytest.fixture
def sandbox(live_server: LiveServer, settings: Any) -> Iterator[str]:
    port = free_port()
    settings.GATEWAY_URL = f"http://127.0.0.1:{port}"
    process = start_sandbox(port, f"{live_server.url}/api/v1/gateway/webhook")
    yield settings.GATEWAY_URL
    process.terminate()
    assert process.wait(10) is not None


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 15
    while not what():
        assert time.monotonic() < until, "did not happen in time"
        time.sleep(0.05)


def state(order: TopUpOrder) -> str:
    return TopUpOrder.objects.get(pk=order.pk).state


def test_a_citizen_pays_on_the_page_and_the_money_is_booked(sandbox: str, open_day: BusinessDay) -> None:
    order = make_order(channel="gateway", amount_fen=5_000)
    secret = topup.start_gateway_payment(order=order)
    assert topup.start_gateway_payment(order=order) == secret
    page = f"{sandbox}/pay/{TopUpOrder.objects.get(pk=order.pk).gateway_id}"
    assert "50.00" in requests.get(page, timeout=5).text
    declined = {"do": "pay", "method": "pm_card_chargeDeclined"}
    assert "declined" in requests.post(page, declined, timeout=5).text
    assert state(order) == TopUpOrder.State.INIT
    assert "已支付" in requests.post(page, {"do": "pay"}, timeout=5).text
    wait_for(lambda: state(order) == TopUpOrder.State.PAID)
    assert topup.poll_gateway_payment(order=order).state == TopUpOrder.State.PAID
    assert account_balance_fen(open_account(chart="1012").pk) == 5_000
    assert invariants.broken() == []


def test_a_lost_call_back_is_found_by_asking(sandbox: str, open_day: BusinessDay) -> None:
    order = make_order(channel="gateway")
    topup.start_gateway_payment(order=order)
    gateway_id = TopUpOrder.objects.get(pk=order.pk).gateway_id
    BusinessDay.objects.all().delete()  # call-backs are answered 503 meanwhile
    paying = {"payment_method": "pm_card_visa"}
    requests.post(f"{sandbox}/v1/payment_intents/{gateway_id}/confirm", paying, headers=KEY, timeout=5)
    assert state(order) == TopUpOrder.State.INIT
    assert configured_gateway().retrieve_payment(str(gateway_id)).status is PaymentStatus.SUCCEEDED
    open_business_day(TODAY + timedelta(days=1))
    assert topup.poll_gateway_payment(order=order).state == TopUpOrder.State.PAID
    wait_for(lambda: account_balance_fen(open_account(chart="1012").pk) == order.amount_fen)


def test_it_is_killed_and_knows_everything_afterwards(
    live_server: LiveServer, settings: Any, open_day: BusinessDay, tmp_path: Path
) -> None:
    port = free_port()
    settings.GATEWAY_URL = f"http://127.0.0.1:{port}"
    words = (port, f"{live_server.url}/api/v1/gateway/webhook", "--state", str(tmp_path / "sandbox.sqlite3"))
    order = make_order(channel="gateway", amount_fen=5_000)
    first = start_sandbox(*words)
    topup.start_gateway_payment(order=order)
    gateway_id = TopUpOrder.objects.get(pk=order.pk).gateway_id
    BusinessDay.objects.all().delete()  # call-backs are answered 503, and are still to be sent when it dies
    assert (
        "已支付" in requests.post(f"{settings.GATEWAY_URL}/pay/{gateway_id}", {"do": "pay"}, timeout=5).text
    )
    first.kill()
    first.wait(10)
    open_business_day(TODAY + timedelta(days=1))
    second = start_sandbox(*words)
    wait_for(lambda: state(order) == TopUpOrder.State.PAID)
    second.terminate()
    second.wait(10)
    assert account_balance_fen(open_account(chart="1012").pk) == 5_000


def test_the_api_keeps_its_rules(sandbox: str) -> None:
    url = f"{sandbox}/v1/payment_intents"
    form = {"amount": "100", "currency": "cny", "metadata[order_number]": "TU1"}

    def create(changes: dict[str, str], **headers: str) -> requests.Response:
        return requests.post(url, form | changes, headers=KEY | headers, timeout=5)

    first = create({}, **{"Idempotency-Key": "k"})
    again = create({}, **{"Idempotency-Key": "k"})
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert create({"amount": "200"}, **{"Idempotency-Key": "k"}).status_code == 400
    assert create({}).json()["id"] != first.json()["id"]
    assert create({"amount": "-1"}).status_code == 400
    assert create({"currency": ""}).status_code == 400
    one = f"{url}/{first.json()['id']}"
    assert requests.get(one, timeout=5).status_code == 401
    assert requests.get(f"{url}/pi_unknown", headers=KEY, timeout=5).status_code == 404
    assert requests.get(f"{sandbox}/v1/charges", headers=KEY, timeout=5).status_code == 404
    assert requests.delete(one, headers=KEY, timeout=5).status_code == 405
    assert requests.post(f"{one}/cancel", headers=KEY, timeout=5).json()["status"] == "canceled"
    assert requests.post(f"{one}/confirm", headers=KEY, timeout=5).status_code == 400


def test_the_librarys_errors_become_ours(sandbox: str) -> None:
    gateway = configured_gateway()
    payment = gateway.create_payment(order_number="TU1", amount_fen=100)
    assert gateway.retrieve_payment(payment.id) == payment
    with pytest.raises(GatewayError):
        gateway.create_payment(order_number="TU1", amount_fen=101)
    with pytest.raises(GatewayError):
        gateway.retrieve_payment("pi_unknown")


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, str(PROJECT / "manage.py"), "sandbox", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"Port {port} is in use" in done.stderr
    assert "Traceback" not in done.stderr
