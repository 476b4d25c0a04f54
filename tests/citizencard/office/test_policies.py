"""Policies of the field by two people, on forms of their own; purchases given back and objections taken at the counter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Card, CardFlag, RiskParameters, TopUpOrder
from accounts.services.alerts import confirm_alert
from citizencard.core.models import AuditEntry
from settlement.selectors.audit import broken_invariants
from terminals.models import (
    AppealPolicy,
    HotListAppeal,
    ParameterPolicy,
    PolicyProposal,
    PurchaseReturn,
    ReturnPolicy,
)  # fmt: skip
from terminals.selectors.parameters import parameters
from terminals.services.appeals import publish_appeal_policy
from terminals.services.online.return_rules import publish_return_policy
from terminals.services.refunds import hot_list_flagged
from tests.accounts.refunds import stories
from tests.accounts.refunds.test_alerts import alert_about
from tests.citizencard.city import make_staff
from tests.factories import CLERK, NOON, fill_purse
from tests.terminals.field import Field, make_merchant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
SignIn = Callable[[str], Client]
LIST = "/office/terminals/policyproposal/"
SOON = timezone.localdate() + timedelta(days=30)
BASIS = {"valid_from": SOON.isoformat(), "legal_basis": "管理办法第三条"}
FORMS: dict[str, dict[str, Any]] = {
    "parameters": {
        "kind": "validator", "single_fen": 5_000, "guard_s": 20, "upload_s": 60, "heartbeat_s": 300, "list_s": 60,
        "grey_days": 30, "marks": '{"categories": {"2": "student"}}',
    },
    "hot_list": {"promise_minutes": 30, "grace_minutes": 10, "temporary_days": 5},
    "acceptance": {"channel": "bus", "purchase_limit_fen": 5_000, "late_days": 7, "decide_days": 30},
    "return": {"channel": "shop", "cancel": "on", "refund_days": 14},
    "risk": {"rule": "topup_split", "values": '{"near_fen": 50, "limit_fen": 1000, "times": 2}', "review_days": 3},
    "appeal": {"decide_days": 3, "compensation_fen": 0},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _staff(db: None) -> None:
    make_staff()


def propose(client: Client, kind: str, **changes: Any) -> str:
    """What the form says is wrong, with the fields' names; empty when it went on to the proposal."""
    answer = client.post(f"{LIST}propose-{kind}/", FORMS[kind] | BASIS | changes)
    return "" if answer.status_code == 302 else answer.context["form"].errors.as_json()


def decide(client: Client, step: str, **form: str) -> str:
    text: str = client.post(f"{LIST}{PolicyProposal.objects.latest('pk').pk}/{step}/", form).content.decode()
    return text


@pytest.mark.parametrize("kind", FORMS)
def test_each_kind_is_proposed_by_one_and_put_in_force_by_another(as_staff: SignIn, kind: str) -> None:
    maker, checker = as_staff("supervisor"), as_staff("finance")
    assert maker.get(f"{LIST}propose-{kind}/").status_code == 200
    assert propose(maker, kind) == ""
    shown = checker.get(f"{LIST}{PolicyProposal.objects.get().pk}/change/").content.decode()
    assert "管理办法第三条" in shown
    decide(maker, "approve")
    assert PolicyProposal.objects.get().state == "proposed"
    decide(checker, "approve")
    done = PolicyProposal.objects.get()
    assert (done.state, done.maker, done.checker) == ("approved", "supervisor", "finance")
    assert propose(maker, kind, legal_basis="另一办法")
    assert PolicyProposal.objects.count() == 1
    assert {"policy.propose", "policy.approve"} <= set(AuditEntry.objects.values_list("action", flat=True))


def test_what_was_put_in_force_is_what_holds_from_its_date_on(as_staff: SignIn) -> None:
    for kind in ("parameters", "return", "risk", "appeal"):
        assert propose(as_staff("finance"), kind) == ""
        decide(as_staff("supervisor"), "approve")
    assert parameters("validator", SOON)["limits"] == {"single_fen": 5_000}
    assert ParameterPolicy.objects.get().marks == {"categories": {"2": "student"}}
    assert ReturnPolicy.objects.get().refund_days == 14
    assert RiskParameters.objects.get().values == {"near_fen": 50, "limit_fen": 1000, "times": 2}
    assert AppealPolicy.objects.get().decide_days == 3


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        ("parameters", {"valid_from": timezone.localdate().isoformat()}, "valid_from"),
        ("parameters", {"marks": '{"categories": {"999": "student"}}'}, "marks"),
        ("parameters", {"grey_days": 0}, "parameters_say_what_and_why"),
        ("risk", {"values": '{"near": 1}'}, "near"),
        ("acceptance", {"channel": "tram"}, "tram"),
        ("return", {"legal_basis": ""}, "legal_basis"),
        ("appeal", {"valid_from": "soon"}, "valid_from"),
    ],
)  # fmt: skip
def test_what_cannot_stand_is_told_on_the_form(
    as_staff: SignIn, kind: str, changes: dict[str, Any], told: str
) -> None:
    assert told in propose(as_staff("finance"), kind, **changes)
    assert not PolicyProposal.objects.exists()


def test_a_refused_one_is_refused_for_good_and_the_database_keeps_both_rules(as_staff: SignIn) -> None:
    propose(as_staff("finance"), "hot_list")
    decide(as_staff("supervisor"), "refuse", reason="理由不足")
    assert "不能" in decide(as_staff("supervisor"), "approve")
    refused = PolicyProposal.objects.get()
    assert (refused.state, refused.checker, refused.answer) == ("refused", "supervisor", "理由不足")
    for role in ("clerk", "auditor"):
        assert as_staff(role).get(f"{LIST}propose-risk/").status_code == 403
    propose(as_staff("finance"), "appeal")
    for change in ("state = 'approved', checker = maker, checked_at = now()", "maker = 'x'"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE terminals_policyproposal SET {change} WHERE state = 'proposed'")


def test_a_clerk_gives_a_purchase_back_once_for_one_form(as_staff: SignIn, demo_keys: Any) -> None:
    publish_return_policy(
        channel="shop",
        valid_from=date(2026, 1, 1),
        cancel=True,
        refund_days=30_000,
        legal_basis="test",
        actor=CLERK,
    )
    shop = Field.install(demo_keys, merchant=make_merchant("SHOP", "shop", 50))
    card = stories.named_card(product={"account_limit_fen": 0})
    fill_purse(card, 5_000)
    record = shop.tap(card, 1, 200)
    assert shop.post_tap(record).status_code == 200
    path = "/office/terminals/purchasereturn/refund/"
    given = {
        "terminal_no": record.terminal_no, "terminal_seq": record.terminal_seq, "card_no": card.pan, "amount": "1.50",
        "reason": "退货", "form": 77,
    }  # fmt: skip
    assert as_staff("finance").get(path).status_code == 403
    clerk = as_staff("clerk")
    assert 'name="form"' in clerk.get(path).content.decode()
    for _ in range(2):
        answer = clerk.post(path, given)
        assert answer.status_code == 302, answer.context["form"].errors
    returned = PurchaseReturn.objects.get()
    assert (returned.amount_fen, returned.number, returned.terminal_id) == (150, -77, shop.terminal.pk)
    assert TopUpOrder.objects.get(pk=returned.order_id).amount_fen == 150
    assert clerk.post(path, given | {"amount": "9", "form": 78}).status_code == 200
    assert PurchaseReturn.objects.count() == 1
    assert AuditEntry.objects.filter(action="purchase.refund", actor="clerk").count() == 1
    assert broken_invariants() == []


def test_an_objection_is_taken_at_the_counter(as_staff: SignIn) -> None:
    publish_appeal_policy(
        valid_from=date(2026, 1, 1),
        decide_days=3,
        compensation_fen=0,
        legal_basis="异议办法",
        actor="finance",
    )
    card: Card = stories.named_card(product={"account_limit_fen": 0})
    path = f"/office/accounts/card/{card.pk}/"
    clerk = as_staff("clerk")
    assert f"{path}appeal/" not in clerk.get(path + "change/").content.decode()
    confirm_alert(alert=alert_about(card), actor="x", reason="y", occurred_at=NOON)
    hot_list_flagged(flag=CardFlag.objects.get(), actor=CLERK, occurred_at=NOON)
    assert f"{path}appeal/" in clerk.get(path + "change/").content.decode()
    assert "AP" in clerk.post(path + "appeal/", {"reason": "卡一直在我身上"}).content.decode()
    assert HotListAppeal.objects.get().statement == "卡一直在我身上"
    assert as_staff("auditor").post(path + "appeal/", {"reason": "x"}).status_code == 403
