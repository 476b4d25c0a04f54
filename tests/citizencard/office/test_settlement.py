"""Contracts, calendar and adjustments in the office: one proposes, another decides, everybody sees how a fee came about."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from benchmarks.city import Purchase, found_city, tap
from settlement.models import Adjustment, CalendarYear, Contract, Proposal
from settlement.services.clearing import clear_day
from terminals.models import Merchant
from tests.citizencard.city import PASSWORD, make_staff
from tests.settlement.rules import ADJUSTMENTS, CALENDAR, contract, in_force
from tests.settlement.small_city import DAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_quick_passwords")]
SignIn = Callable[[str], Client]


@pytest.fixture
def finance(as_staff: SignIn) -> Client:
    """A member of finance; `second` is another one."""
    make_staff()
    second = User.objects.create_user(username="second", password=PASSWORD, is_staff=True)
    second.groups.set(Group.objects.filter(name="finance"))
    found_city(DAY, merchants=2, cards=1)
    return as_staff("finance")


def propose(client: Client, model: str, **form: Any) -> str:
    answer = client.post(reverse(f"admin:settlement_{model}_propose"), form, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def step(client: Client, model: str, name: str, pk: int, **form: Any) -> str:
    return client.post(reverse(f"admin:settlement_{model}_{name}", args=[pk]), form).content.decode()


def filled(**values: Any) -> dict[str, Any]:
    """The contract form: 1 % up to 10 yuan of the month, half of it beyond, a third of the net for the other merchant."""
    usual = {
        "merchant": Merchant.objects.get(code="M00001").pk, "number": "QZ-1", "valid_from": "2026-11-02",
        "legal_basis": "受理协议", "measure": "gross", "period": "month", "bands": "0 100\n10.00 50", "settle_days": 1,
        "split": "net", "shares": "M00001 6667\nM00002 3333",
    }  # fmt: skip
    return usual | values


def test_a_contract_is_proposed_approved_and_its_fees_are_shown(finance: Client, as_staff: SignIn) -> None:
    propose(finance, "contract", **filled())
    proposal = Proposal.objects.get(maker="finance")
    assert "以外的人" in step(finance, "proposal", "approve", proposal.pk)
    step(as_staff("second"), "proposal", "approve", proposal.pk)
    made = Contract.objects.get(number="QZ-1")
    assert [(band.floor, band.price) for band in made.bands.all()] == [(0, 100), (1_000, 50)]
    tap(DAY, [Purchase(1, 1, 1_200)])
    clear_day(day=DAY)
    page = finance.get(reverse("admin:settlement_contract_change", args=[made.pk])).content.decode()
    assert "10.00 × 1.00 % + 2.00 × 0.50 %" in page
    assert "33.33 %" in page
    assert "finance · second" in page


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"bands": "0"}, "第 1 行"),
        ({"bands": "1 30"}, "bands[0].floor"),
        ({"shares": "M00001 9999"}, "9999"),
        ({"valid_from": "x"}, "日期"),
    ],
)
def test_what_is_wrong_with_a_contract_is_said_on_its_form(
    finance: Client, values: dict[str, Any], words: str
) -> None:
    assert words in propose(finance, "contract", **filled(**values))
    assert not Proposal.objects.filter(maker="finance").exists()


def test_a_year_is_proposed_by_file_and_shown_at_a_glance(finance: Client, as_staff: SignIn) -> None:
    content = (CALENDAR / "2026.csv").read_bytes()
    for number, (changed, words) in enumerate(
        ((content.replace(b"holiday", b"feast", 1), "line 2"), (b"a,b\n", "line 1"))
    ):
        file = SimpleUploadedFile(f"{number}.csv", changed)
        assert words in propose(finance, "calendaryear", year=2026, notice="国办发明电〔2025〕7号", file=file)
    file = SimpleUploadedFile("2026.csv", content)
    propose(finance, "calendaryear", year=2026, notice="国办发明电〔2025〕7号", file=file)
    step(as_staff("second"), "proposal", "approve", Proposal.objects.get(maker="finance").pk)
    url = reverse("admin:settlement_calendaryear_change", args=[CalendarYear.objects.get().pk])
    page = finance.get(url).content.decode()
    assert page.count("<td>班</td>") == 6
    assert "国庆节" in page


def test_any_rule_can_be_proposed_as_json_and_refused(finance: Client, as_staff: SignIn) -> None:
    bad = SimpleUploadedFile("rule.json", b"{")
    assert "JSON" in propose(finance, "proposal", kind="cut_off", file=bad)
    rule = {"valid_from": "2026-01-01", "minutes": 90, "legal_basis": "清分规程"}
    file = SimpleUploadedFile("rule.json", json.dumps(rule).encode())
    propose(finance, "proposal", kind="cut_off", file=file)
    proposal = Proposal.objects.get(maker="finance")
    assert "理由不足" not in step(as_staff("second"), "proposal", "refuse", proposal.pk)
    step(as_staff("second"), "proposal", "refuse", proposal.pk, reason="理由不足")
    proposal.refresh_from_db()
    assert (proposal.state, proposal.answer) == ("refused", "理由不足")


def test_an_adjustment_is_checked_by_a_supervisor_and_reversed(finance: Client, as_staff: SignIn) -> None:
    in_force(ADJUSTMENTS, "adjustments")
    given = {"merchant": Merchant.objects.get(code="M00001").pk, "direction": "-1", "amount": "3.50", "against": "6001",
             "reason": "penalty", "evidence": "调-1"}  # fmt: skip
    propose(finance, "adjustment", **given)
    adjustment = Adjustment.objects.get()
    assert (adjustment.amount_fen, adjustment.roles) == (-350, ["supervisor"])
    assert "supervisor" in step(as_staff("second"), "adjustment", "agree", adjustment.pk)
    assert "以外的人" in step(finance, "adjustment", "agree", adjustment.pk)
    step(as_staff("supervisor"), "adjustment", "agree", adjustment.pk)
    adjustment.refresh_from_db()
    assert (adjustment.state, adjustment.business_date) == ("posted", date(2026, 11, 2))
    step(finance, "adjustment", "reverse", adjustment.pk, evidence="调-2")
    back = Adjustment.objects.get(reverses=adjustment)
    step(as_staff("supervisor"), "adjustment", "refuse", back.pk, reason="有误")
    back.refresh_from_db()
    assert (back.amount_fen, back.answer) == (350, "有误")
    page = finance.get(reverse("admin:settlement_adjustment_change", args=[adjustment.pk])).content.decode()
    assert "supervisor" in page


def test_who_may_do_what(finance: Client, as_staff: SignIn) -> None:
    in_force(ADJUSTMENTS, "adjustments")
    proposal = in_force(contract("C9", "M00002"))
    merchant = Merchant.objects.get(code="M00001").pk
    given = {"direction": "1", "amount": "1", "against": "6001", "reason": "fee", "evidence": "d"}
    propose(finance, "adjustment", merchant=merchant, **given)
    adjustment = Adjustment.objects.get().pk
    everybody = {"settlement_contract_propose": [], "settlement_calendaryear_propose": [], "settlement_proposal_propose": [],
                 "settlement_proposal_approve": [proposal.pk], "settlement_proposal_refuse": [proposal.pk]}  # fmt: skip
    steps = {name: (args, {"finance"}) for name, args in everybody.items()} | {
        "settlement_adjustment_propose": ([], {"finance"}),
        "settlement_adjustment_reverse": ([adjustment], {"finance"}),
        "settlement_adjustment_agree": ([adjustment], {"finance", "supervisor"}),
        "settlement_adjustment_refuse": ([adjustment], {"finance", "supervisor"}),
    }
    for role in ("clerk", "finance", "supervisor", "auditor"):
        client = as_staff(role)
        for name, (args, roles) in steps.items():
            assert client.get(reverse(f"admin:{name}", args=args)).status_code == (
                200 if role in roles else 403
            ), name
