"""The whole way through the real client and the sandbox's API: agree, collect, be declined, withdraw at the bank."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import responses
from django.conf import settings

from accounts.models import Mandate, MandateCollection, Purse
from accounts.selectors import invariants
from accounts.services import mandates
from accounts.services.direct_debit import collect_due
from accounts.services.gateway_events import handle_gateway_event
from citizencard.sandbox.callbacks import signature_header
from tests.accounts.mandates.asking import ask_for_mandate, make_purse
from tests.citizencard.sandbox.wsgi import ANYWHERE, Sandbox
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as net:
        for method in (responses.GET, responses.POST):
            net.add_callback(method, ANYWHERE, sandbox.answer)
        yield sandbox


def agreed(sandbox: Sandbox, method: str) -> Mandate:
    """A mandate whose citizen agreed with one of the sandbox's cards, on its page."""
    mandate = ask_for_mandate(make_purse())
    mandates.start_mandate(mandate=mandate)
    mandate.refresh_from_db()
    sandbox.page(f"/mandate/{mandate.setup_id}", do="agree", method=method)
    return mandates.confirm_mandate(mandate=mandate, now=NOON)


def call_back(sandbox: Sandbox, settings: Any = settings) -> None:
    """Deliver what the gateway has to tell."""
    for body in sandbox.call_backs():
        signature = signature_header(body, settings.GATEWAY_WEBHOOK_SECRETS[0])
        handle_gateway_event(body=body, signature=signature)


def test_agreed_and_collected(sandbox: Sandbox) -> None:
    mandate = agreed(sandbox, "pm_card_unionpay")
    assert (mandate.state, mandate.last4) == ("active", "0005")
    assert [collect_due(now=NOON), collect_due(now=NOON)] == [1, 0]
    call_back(sandbox)
    assert Purse.objects.get(pk=mandate.purse_id).balance_fen == 5_000
    assert invariants.broken() == []


def test_a_credit_card_is_refused(sandbox: Sandbox) -> None:
    assert agreed(sandbox, "pm_card_unionpay_credit").stop_reason == Mandate.StopReason.CREDIT


def test_an_empty_account_declines(sandbox: Sandbox) -> None:
    mandate = agreed(sandbox, "pm_card_unionpay_empty")
    assert collect_due(now=NOON) == 0
    call_back(sandbox)
    assert MandateCollection.objects.get().decline_code == "insufficient_funds"
    assert Mandate.objects.get(pk=mandate.pk).declines == 1


def test_the_citizen_withdraws_at_the_bank(sandbox: Sandbox) -> None:
    mandate = agreed(sandbox, "pm_card_unionpay")
    sandbox.page(f"/mandate/{mandate.setup_id}", do="withdraw")
    call_back(sandbox)
    mandate.refresh_from_db()
    assert mandate.stop_reason == Mandate.StopReason.WITHDRAWN
    assert collect_due(now=NOON) == 0


def test_an_answer_lost_on_the_wire_is_found_again(sandbox: Sandbox) -> None:
    """The debit succeeds, the connection breaks before its answer: asked again, the same payment is found."""
    mandate = agreed(sandbox, "pm_card_unionpay")
    answer, cut = sandbox.answer, []

    def answer_and_break(request: Any) -> Any:
        answered = answer(request)
        if request.method == "POST" and "payment_intents" in request.url:
            cut.append(request)
            raise ConnectionError("reset")
        return answered

    with responses.RequestsMock(assert_all_requests_are_fired=False) as net:
        for method in (responses.GET, responses.POST):
            net.add_callback(method, ANYWHERE, answer_and_break)
        assert collect_due(now=NOON) == 0
    assert cut
    assert collect_due(now=NOON) == 1
    listed = [body for body in sandbox.call_backs() if b'"payment_intent.succeeded"' in body]
    assert (len(listed), Purse.objects.get(pk=mandate.purse_id).balance_fen) == (1, 5_000)
