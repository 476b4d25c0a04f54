"""A holder says that something is wrong with a charge, follows the case, reads what came of it, and appeals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.services.payments import account_purse, pay
from settlement.models import Dispute
from settlement.services.disputes import settle_due
from terminals.services.field import register_merchant
from tests.citizencard.portal.household import Resident
from tests.citizencard.portal.test_money_pages import SIGNED_IN
from tests.settlement.disputes.cases import PDF, answered, decided, publish_policies

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(lin: Resident) -> str:
    """The page on which Lin disputes five yuan of ten that she paid online."""
    publish_policies("not_given", "not_mine", file_days=366)
    shop = register_merchant(code="shop", name="中山路便利店", channel="shop")
    lin.give_money(1_000)
    payment = pay(
        purse=account_purse(lin.card), payee=shop.payable_id, amount_fen=500, key="p", channel="qr",
        actor="shop", occurred_at=timezone.now(),
    )  # fmt: skip
    return f"/cards/{lin.card.pk}/dispute/payment/{payment.pk}/"


def sent(lin: Resident, path: str, **changes: Any) -> Any:
    form = {"kind": "not_given", "amount_fen": "", "words": "没有收到商品"}
    return lin.client.post(path, form | changes)


def test_from_the_line_of_the_statement_to_the_money(lin: Resident, path: str) -> None:
    assert path in lin.page("/cards/{}/online/")
    shown = lin.page(path)
    for words in ("中山路便利店", "¥5.00", "未提供服务", "10 个工作日", "您无需举证", "争议处理办法"):
        assert words in shown
    assert "行程未结束" not in shown
    answer = sent(lin, path, file=SimpleUploadedFile("x", PDF))
    dispute = Dispute.objects.get()
    assert answer["Location"] == f"/disputes/{dispute.number}/"
    assert (dispute.opened_by, lin.balance_fen()) == (f"citizen:{lin.citizen.pk}", 1_000)
    shown = lin.page(answer["Location"])
    assert "已先行垫付 ¥5.00" in shown
    statement = lin.page("/cards/{}/online/")
    assert path not in statement
    assert answer["Location"] in statement
    assert "争议垫付或退款" in statement
    assert dispute.number in lin.page("/notices/")
    assert answer["Location"] in lin.page("/disputes/")
    settle_due(now=timezone.now() + timedelta(days=40))
    shown = lin.page(answer["Location"])
    assert "规定时限内无人证明该扣款无误" in shown
    assert "¥5.00 归您所有" in shown
    assert sent(lin, path).status_code == 409


def test_refused_she_reads_why_and_appeals_once(lin: Resident, path: str) -> None:
    sent(lin, path)
    dispute = answered(Dispute.objects.get(), timezone.now())
    case = f"/disputes/{dispute.number}/"
    assert lin.client.post(f"{case}appeal/", {"words": "x"}).status_code == 409
    decided(dispute, now=timezone.now())
    shown = lin.page(case)
    assert "小票在案" in shown
    assert "复议期届满前" in shown
    assert lin.client.post(f"{case}appeal/", {"words": ""}).status_code == 422
    assert lin.client.post(f"{case}appeal/", {"words": "监控可查"}).status_code == 302
    assert "您已申请复议" in lin.page(case)
    decided(dispute, "refuse", "li", now=timezone.now())
    shown = lin.page(case)
    assert "12345" in shown
    assert 'id="appeal"' not in shown
    assert "收回垫付" in lin.page("/cards/{}/online/")
    assert lin.balance_fen() == 500


def test_what_is_wrong_is_said_and_nothing_happens(lin: Resident, path: str) -> None:
    wrong: tuple[tuple[dict[str, Any], int], ...] = (
        ({"words": ""}, 422),
        ({"amount_fen": "5.01"}, 422),
        ({"file": SimpleUploadedFile("x.png", b"<svg onload=alert(1)>")}, 422),
        ({"file": SimpleUploadedFile("x.pdf", PDF + bytes(2 * 1024 * 1024))}, 200),
        ({"kind": "top_up"}, 200),
        ({"amount_fen": "-1"}, 200),
    )
    for changes, status in wrong:
        answer = sent(lin, path, **changes)
        assert answer.status_code == status
        assert any(mark in answer.content.decode() for mark in ("field-error", 'role="alert"'))
    assert not Dispute.objects.exists()


def test_nobody_elses_and_nothing_that_is_no_charge(lin: Resident, chen: Resident, path: str) -> None:
    sent(lin, path)
    case = f"/disputes/{Dispute.objects.get().number}/"
    other = path.replace(f"/{lin.card.pk}/", f"/{chen.card.pk}/", 1)
    for client, page in ((chen.client, path), (chen.client, other), (chen.client, case)):
        assert client.get(page).status_code == 404
    assert chen.client.post(f"{case}appeal/", {"words": "x"}).status_code == 404
    assert Client().get(case).status_code == 302
    card = f"/cards/{lin.card.pk}/dispute"
    for page in ("nonsense/1/", "payment/999/", "purchase/1/", "purchase/1/?day=x", f"ride/{2**70}/"):
        assert lin.client.get(f"{card}/{page}").status_code == 404


def test_pages_take_few_queries(lin: Resident, path: str) -> None:
    sent(lin, path)
    case = f"/disputes/{Dispute.objects.get().number}/"
    for page in (path, case, "/disputes/", f"/cards/{lin.card.pk}/online/"):
        with CaptureQueriesContext(connection) as queries:
            assert lin.client.get(page).status_code == 200
        own = [each["sql"] for each in queries if not SIGNED_IN.search(each["sql"])]
        assert len(own) <= 10, "\n".join(own)


def test_too_many_at_once_are_no_citizens(lin: Resident, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citizencard.portal.pace.ASKED_MAX", 0)
    assert sent(lin, path).status_code == 429
    assert not Dispute.objects.exists()
