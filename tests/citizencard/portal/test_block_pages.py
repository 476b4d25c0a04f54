"""The holder of a blocked card reads why, objects with one click, and follows the objection."""

from __future__ import annotations

from datetime import date

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import CardFlag
from accounts.services.alerts import confirm_alert
from terminals.models import HotListAppeal
from terminals.services.appeals import grant_appeal, publish_appeal_policy, refuse_appeal
from terminals.services.refunds import hot_list_flagged
from tests.accounts.refunds.test_alerts import alert_about
from tests.citizencard.portal.household import Resident
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def blocked(lin: Resident) -> str:
    """The path of the page of Lin's card, which two people have blocked."""
    publish_appeal_policy(
        valid_from=date(2026, 1, 1),
        decide_days=3,
        compensation_fen=1_000,
        legal_basis="异议办法第三条",
        actor="finance",
    )
    confirm_alert(alert=alert_about(lin.card), actor="supervisor", reason="a copy?", occurred_at=NOON)
    hot_list_flagged(flag=CardFlag.objects.get(), actor="clerk", occurred_at=timezone.now())
    return f"/cards/{lin.card.pk}/block/"


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_holder_reads_why_and_objects_with_one_click(lin: Resident, blocked: str) -> None:
    assert blocked in page(lin.client, "/")
    shown = page(lin.client, blocked)
    assert "缺 12 笔" in shown
    assert "个人信息保护法第二十四条" in shown
    assert "3 天内" in shown
    assert lin.client.post(blocked, {}).status_code == 302
    appeal = HotListAppeal.objects.get()
    assert (appeal.citizen, appeal.statement) == (lin.citizen, "")
    shown = page(lin.client, blocked)
    assert appeal.number in shown
    assert 'id="object"' not in shown
    lin.client.post(blocked, {"statement": "again"})
    assert HotListAppeal.objects.count() == 1
    assert appeal.number in page(lin.client, "/notices/")


def test_the_holder_sees_what_came_of_it(lin: Resident, blocked: str) -> None:
    lin.client.post(blocked, {"statement": "<script>"})
    assert "&lt;script&gt;" in page(lin.client, blocked)
    grant_appeal(
        appeal=HotListAppeal.objects.get(),
        actor="decider",
        reason="a depot's fault",
        occurred_at=timezone.now(),
    )
    shown = page(lin.client, blocked)
    assert "¥10.00" in shown
    assert "缺 12 笔" not in shown
    assert blocked not in page(lin.client, "/")


def test_a_refusal_is_shown_with_its_reason(lin: Resident, blocked: str) -> None:
    lin.client.post(blocked, {})
    appeal = HotListAppeal.objects.get()
    refuse_appeal(appeal=appeal, actor="decider", reason="监控显示复制卡", occurred_at=timezone.now())
    shown = page(lin.client, blocked)
    assert "监控显示复制卡" in shown
    assert "12345" in shown


def test_giving_a_card_back_names_what_it_waits_for_and_until_when(lin: Resident) -> None:
    alert_about(lin.card)
    shown = page(lin.client, f"/cards/{lin.card.pk}/refund/")
    for words in ("待人工核查：序号跳跃", "2026年3月5日", "风险管理办法第一条"):
        assert words in shown


def test_the_page_is_the_holders_alone(lin: Resident, chen: Resident, blocked: str) -> None:
    assert chen.client.get(blocked).status_code == 404
    assert chen.client.post(blocked, {}).status_code == 404
    assert Client().get(blocked).status_code == 302
    assert not HotListAppeal.objects.exists()


def test_a_card_that_is_not_blocked_has_no_such_page(lin: Resident) -> None:
    path = f"/cards/{lin.card.pk}/block/"
    assert lin.client.get(path).status_code == 404
    assert path not in page(lin.client, "/")
    assert lin.client.post(path, {}).status_code == 404
