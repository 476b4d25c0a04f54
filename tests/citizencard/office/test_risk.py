"""The risk queue and the objections in the office: filters, words, evidence of every kind, and who may decide."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import CardFlag, Compensation, RiskAlert, RiskRule
from accounts.services.alerts import confirm_alert
from citizencard.core.keyservice.keystore import KeyStore
from terminals.models import HotListAppeal
from terminals.services.appeals import file_appeal, publish_appeal_policy
from terminals.services.refunds import hot_list_flagged
from terminals.services.risk import run_risk
from tests.accounts.drawers.till import make_drawer
from tests.accounts.refunds import stories
from tests.accounts.refunds.test_alerts import alert_about
from tests.citizencard.city import make_staff
from tests.factories import CLERK, NOON
from tests.fixtures_accounts import TODAY
from tests.terminals.risk.test_business import bought, forged
from tests.terminals.risk.town import Town, publish, rider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]

SignIn = Callable[[str], Client]
QUEUE = "/office/accounts/riskalert/"


@pytest.fixture(autouse=True)
def _staff(db: None) -> None:
    make_staff()


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_queue_shows_what_waits_for_whom(as_staff: SignIn) -> None:
    today = timezone.localdate()
    waiting, late, reviewed = (alert_about(rider()) for _ in range(3))
    confirm_alert(alert=reviewed, actor="x", reason="y", occurred_at=NOON)
    free = alert_about(rider(), blocks_payout=False)
    client = as_staff("auditor")

    def listed(query: str) -> set[int]:
        return {alert.pk for alert in client.get(QUEUE + query).context["cl"].queryset}

    assert listed("") == {waiting.pk, late.pk, reviewed.pk, free.pk}
    assert listed("?waits=review") == {waiting.pk, late.pk, free.pk}
    assert listed("?waits=payout") == {waiting.pk, late.pk}
    assert listed("?waits=late") == ({waiting.pk, late.pk, free.pk} if today > waiting.review_by else set())
    assert listed("?state__exact=confirmed") == {reviewed.pk}
    assert "缺 12 笔" in page(client, QUEUE)
    assert "待核查风险预警" in page(client, "/office/")


def test_every_kind_of_evidence_is_looked_up(as_staff: SignIn, demo_keys: KeyStore) -> None:
    town = Town.found(demo_keys)
    card = rider(1)
    forged(town, "bus1", card, 1)
    town.tap(card, 30, amount_fen=0, type=9)
    bought(card, 100, 100)
    stories.ask(stories.anonymous_card(code="gone"), chip=stories.shown(10_000))
    publish(RiskRule.TAC, terminal_max=0, card_max=0)
    publish(RiskRule.JUMP, counters_max=5)
    publish(RiskRule.SPLIT, near_fen=50, limit_fen=1_000, times=2)
    publish(RiskRule.REFUNDS, officer_max=0, payee_max=0, merchant_max=0)
    for day in {TODAY, timezone.localdate()}:
        run_risk(day=day, now=timezone.now())
    client = as_staff("supervisor")
    shown = {
        (alert.rule, alert.subject_kind): page(client, f"{QUEUE}{alert.pk}/change/")
        for alert in RiskAlert.objects.all()
    }
    assert "bad_tac" in shown["tac_failures", "card"]
    assert town.at["bus1"].terminal.code in shown["tac_failures", "terminal"]
    assert town.at["bus1"].terminal.code in shown["counter_jump", "card"]
    assert "topuporder" in shown["topup_split", "card"]
    assert CLERK in shown["refund_burst", "officer"]
    assert all("风险管理办法第一条" in text for text in shown.values())


def test_a_supervisor_decides_and_is_told_what_follows(as_staff: SignIn) -> None:
    first, second = alert_about(rider()), alert_about(rider())
    client = as_staff("supervisor")
    answer = client.post(f"{QUEUE}{first.pk}/confirm/", {"reason": "复制卡"}).content.decode()
    assert "存疑解除前不予付款" in answer
    answer = client.post(f"{QUEUE}{second.pk}/dismiss/", {"reason": "漏传"}).content.decode()
    assert "等待事项继续办理" in answer
    assert "不能改为" in client.post(f"{QUEUE}{second.pk}/confirm/", {"reason": "?"}).content.decode()
    assert list(RiskAlert.objects.order_by("pk").values_list("state", "reviewed_by")) == [
        ("confirmed", "supervisor"),
        ("dismissed", "supervisor"),
    ]
    assert as_staff("auditor").post(f"{QUEUE}{second.pk}/dismiss/", {"reason": "x"}).status_code == 403
    assert as_staff("clerk").get(QUEUE).status_code == 403


def test_an_objection_is_decided_by_another_and_paid_at_the_counter(
    as_staff: SignIn, demo_keys: KeyStore
) -> None:
    publish_appeal_policy(
        valid_from=date(2026, 1, 1),
        decide_days=3,
        compensation_fen=1_000,
        legal_basis="异议办法",
        actor="finance",
    )
    card = stories.named_card(product={"account_limit_fen": 0})
    confirm_alert(alert=alert_about(card), actor="x", reason="y", occurred_at=NOON)
    hot_list_flagged(flag=CardFlag.objects.get(), actor="clerk", occurred_at=NOON)
    assert card.citizen is not None
    appeal = file_appeal(
        card=card, citizen=card.citizen, actor="c", occurred_at=NOON, statement="卡一直在我身上"
    )
    path = f"/office/terminals/hotlistappeal/{appeal.pk}/"
    shown = page(as_staff("clerk"), path + "change/")
    assert "卡一直在我身上" in shown
    assert "缺 12 笔" in shown
    assert "以外的人裁决" in as_staff("clerk").post(path + "grant/", {"reason": "x"}).content.decode()
    assert HotListAppeal.objects.get().state == "open"
    for role in ("finance", "auditor"):
        assert as_staff(role).post(path + "grant/", {"reason": "x"}).status_code == 403
    as_staff("supervisor").post(path + "grant/", {"reason": "漏传"})
    note = Compensation.objects.get()
    assert (HotListAppeal.objects.get().decided_by, note.state) == ("supervisor", "owed")
    assert as_staff("supervisor").post(path + "pay_cash/", {}).status_code == 403
    assert "请先开启钱箱" in as_staff("finance").post(path + "pay_cash/", {}).content.decode()
    make_drawer("finance")
    assert "10.00" in as_staff("finance").post(path + "pay_cash/", {}).content.decode()
    assert Compensation.objects.get().state == "paid"
    assert "补偿已" in as_staff("finance").post(path + "pay_cash/", {}).content.decode()
    assert appeal.due_on == NOON.date() + timedelta(days=3)
