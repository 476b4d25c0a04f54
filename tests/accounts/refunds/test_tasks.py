"""The background task moves what time has cleared up, and running it again does nothing."""

from __future__ import annotations

import pytest
import time_machine

from accounts.gateway.port import RefundStatus
from accounts.models import Card, Refund
from accounts.tasks import advance_refunds
from tests.accounts.refunds.stories import LATER, approved, ask, gateway_says, named_card, pay_online

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


def test_waiting_refunds_fall_due_and_the_gateways_parts_are_followed(named: Card) -> None:
    waiting = ask(named)
    online = named_card(0, product={"code": "online", "deposit_fen": 0})
    pay_online(online, 3_000)
    owed = approved(online)
    gateway_says(owed.parts.get(), RefundStatus.SUCCEEDED)
    with time_machine.travel(LATER, tick=False):
        assert [advance_refunds(), advance_refunds()] == [2, 0]
    states = dict(Refund.objects.values_list("pk", "state"))
    assert states == {waiting.pk: "due", owed.pk: "paid"}
