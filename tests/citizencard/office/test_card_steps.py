"""A clerk stops a card and lets it go on, takes in a loss for now and takes it back; the page offers what makes sense."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client

from accounts.models import Card
from terminals.models import HotListEntry, LossReport
from terminals.services.policies import publish_hot_list_policy
from tests.citizencard.city import City

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
STEPS = {"activate", "report_lost", "found", "suspend", "let_go_on", "register"}


def test_from_one_step_to_the_next(city: City, as_staff: SignIn) -> None:
    publish_hot_list_policy(
        valid_from=date(2026, 1, 1),
        promise_minutes=30,
        grace_minutes=10,
        legal_basis="挂失办法",
        actor="city",
    )
    clerk, home = as_staff("clerk"), f"/office/accounts/card/{city.card.pk}/"

    def offered() -> set[str]:
        text = clerk.get(f"{home}change/").content.decode()
        return {step for step in STEPS if f"{home}{step}/" in text}

    def take(step: str, **given: str) -> str:
        return clerk.post(f"{home}{step}/", {"reason": "本人要求"} | given).content.decode()

    assert offered() == {"report_lost", "suspend"}
    assert "暂停使用" in take("suspend")
    assert offered() == {"report_lost", "let_go_on"}
    take("let_go_on")
    told = take("report_lost", kind="temporary", channel="phone")
    report = LossReport.objects.get()
    assert report.number in told
    assert (report.channel, report.reported_by) == ("phone", "clerk")
    assert offered() == {"report_lost", "found"}
    assert report.number in clerk.get(f"{home}change/").content.decode()
    take("found")
    assert Card.objects.get(pk=city.card.pk).state == Card.State.ACTIVE
    assert not HotListEntry.objects.filter(pan=city.card.pan, removed_at=None).exists()
    assert "卡片不能由" in take("let_go_on")
