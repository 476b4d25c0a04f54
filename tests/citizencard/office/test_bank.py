"""Payouts, the bank's files and suspense in the office: played by the people whose work it is."""

from __future__ import annotations

from datetime import date

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Chart, User
from accounts.services.ledger import open_account
from citizencard.office.roles import AUDITOR, CLERK, FINANCE, SUPERVISOR, ensure_roles
from citizencard.office.site import office
from citizencard.sandbox.bank import Booking, pain002
from settlement.bankfiles.pain001 import read_pain001
from settlement.models import (
    BankFile,
    BankSource,
    BankStatement,
    PayoutAccount,
    PayoutBatch,
    PayoutPolicy,
    SuspenseItem,
)
from tests.settlement.bank.bank import cleared_city, debits, statement
from tests.settlement.small_city import DAY, NEXT_DAY, found_small_city

pytestmark = pytest.mark.django_db
ADDRESS = "/office/settlement"


@pytest.fixture
def cleared() -> date:
    ensure_roles()
    return cleared_city(found_small_city())


def signed_in(name: str, role: str) -> Client:
    user = User.objects.get_or_create(username=name, defaults={"is_staff": True})[0]
    user.groups.set(Group.objects.filter(name=role))
    client = Client()
    client.force_login(user)
    return client


def done(client: Client, path: str, **given: object) -> str:
    answer = client.post(f"{ADDRESS}/{path}/", given, follow=True)
    assert answer.status_code == 200, path
    return answer.content.decode()


def upload(content: bytes, **given: object) -> dict[str, object]:
    return {"file": SimpleUploadedFile("bank.xml", content), **given}


def test_a_batch_goes_from_the_date_to_the_bank_and_back(cleared: date) -> None:
    wang, li = signed_in("wang", FINANCE), signed_in("li", FINANCE)
    page = done(wang, "payoutbatch/make", day=DAY.isoformat())
    batch = PayoutBatch.objects.get()
    assert "20261102-M00002" in page
    assert "****2230" in page
    assert "6222020200112230" not in page
    here = f"payoutbatch/{batch.pk}"
    done(wang, f"{here}/propose")
    assert "经办" in done(wang, f"{here}/approve") or PayoutBatch.objects.get().state == "proposed"
    done(li, f"{here}/approve")
    done(wang, f"{here}/send")
    file = wang.get(f"{ADDRESS}/{here}/download_xml/").content
    assert file == wang.get(f"{ADDRESS}/{here}/download_xml/").content
    assert read_pain001(file).total_fen == 2_621
    assert b"T|2|2621|" in wang.get(f"{ADDRESS}/{here}/download_text/").content
    report = pain002(payments := read_pain001(file), payments.payments[:1])
    assert "AC04" in done(wang, "bankstatement/take", **upload(report))
    answer = statement([*debits(batch), Booking(77, note="谁的")])
    seen = done(wang, "bankstatement/take", **upload(answer))
    assert "20261102-M00001" in seen
    assert not BankStatement.objects.exists()
    taken = done(wang, "bankstatement/take", **upload(answer, take="on"))
    assert "出款入账" in taken
    assert PayoutBatch.objects.get().state == "settled"
    refused = done(wang, "bankstatement/take", **upload(answer, take="on"))
    assert "该文件或对账单已导入过" in refused
    assert BankFile.objects.exclude(problems=[]).count() == 1


def test_an_item_is_resolved_by_two_in_the_office(cleared: date) -> None:
    wang, li, boss = signed_in("wang", FINANCE), signed_in("li", FINANCE), signed_in("boss", SUPERVISOR)
    open_account(chart=Chart.SERVICE_FEES)
    done(wang, "bankstatement/take", **upload(statement([Booking(77, note="谁的")]), take="on"))
    item = SuspenseItem.objects.get()
    here = f"suspenseitem/{item.pk}"
    done(boss, f"{here}/assign", owner="finance", assignee="wang")
    done(wang, f"{here}/propose", target="6003", reason="letter 7")
    done(wang, f"{here}/approve")
    assert SuspenseItem.objects.get().state == "proposed"
    done(li, f"{here}/approve")
    assert SuspenseItem.objects.get().state == "resolved"
    assert "letter 7" in wang.get(f"{ADDRESS}/{here}/change/").content.decode()
    assert wang.get(f"{ADDRESS}/suspenseitem/?stands=over").status_code == 200
    assert "77" in done(wang, "suspenseitem/ageing", day=NEXT_DAY.isoformat()) or item.signed_fen == 77
    # The date before the first statement has no closing balance; the report of the cleared date has to wait.
    assert "2026-11-02" in done(wang, "reservereport/check_day", day=DAY.isoformat())


def test_payees_and_rules_are_proposed_by_one_and_approved_by_another(cleared: date) -> None:
    wang, li = signed_in("wang", FINANCE), signed_in("li", FINANCE)
    dated = {"valid_from": "2026-11-05", "legal_basis": "协议 9"}
    merchant = PayoutAccount.objects.first().merchant_id  # type: ignore[union-attr]
    account = {
        "merchant": merchant,
        "holder": "某某商店",
        "bank_code": "102397000011",
        "number": "6222020200119999",
    }
    assert "12" in done(wang, "payoutaccount/propose", **dated | account | {"bank_code": "1"})
    done(wang, "payoutaccount/propose", **dated, **account)
    done(wang, "payoutpolicy/propose", **dated, second_approval_from_fen="5000")
    done(wang, "banksource/propose", **dated, begins_with="UP-", chart="1012")
    for name, model in (
        ("payoutaccount", PayoutAccount),
        ("payoutpolicy", PayoutPolicy),
        ("banksource", BankSource),
    ):
        row = model.objects.get(state="proposed")
        done(wang, f"{name}/{row.pk}/approve")
        assert model.objects.get(pk=row.pk).state == "proposed"
        done(li, f"{name}/{row.pk}/approve")
        assert model.objects.get(pk=row.pk).checker == "li"
    assert PayoutPolicy.objects.get(valid_from="2026-11-05").second_approval_from_fen == 500_000


STEPS = {
    "payoutbatch": {"make": "pay", "propose": "pay", "approve": "agree", "refuse": "agree", "send": "pay",
                    "download_xml": "pay", "download_text": "pay"},
    "payoutaccount": {"propose": "pay", "approve": "agree", "refuse": "agree"},
    "payoutpolicy": {"propose": "pay", "approve": "agree", "refuse": "agree"},
    "banksource": {"propose": "pay", "approve": "agree", "refuse": "agree"},
    "bankstatement": {"take": "pay"},
    "bankfile": {"open_it": "pay"},
    "suspenseitem": {"ageing": "agree", "assign": "agree", "propose": "agree", "approve": "agree", "disagree": "agree"},
    "reservereport": {"check_day": "pay"},
}  # fmt: skip
MAY = {"pay": {FINANCE}, "agree": {FINANCE, SUPERVISOR}}


def test_every_step_is_for_its_roles_only() -> None:
    ensure_roles()
    clients = {role: signed_in(role, role) for role in (CLERK, FINANCE, SUPERVISOR, AUDITOR)}
    for model, admin in office._registry.items():
        name = model._meta.model_name
        if name not in STEPS or model._meta.app_label != "settlement":
            continue
        lists = [step.action_name for step in admin._get_base_actions_list()]
        details = [step.action_name for step in admin._get_base_actions_detail()]
        assert {step.removeprefix(f"settlement_{name}_") for step in lists + details} == set(STEPS[name])
        for step, kind in STEPS[name].items():
            whole = f"settlement_{name}_{step}"
            url = reverse(f"admin:{whole}", args=[] if whole in lists else [0])
            refused = {role for role, client in clients.items() if client.get(url).status_code == 403}
            assert refused == set(clients) - MAY[kind], whole
