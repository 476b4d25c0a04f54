"""Disputes in the office: opened by a clerk, shown with what the books know, decided by others; and the command beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Card
from citizencard.core.models import BusinessDay
from settlement.models import Dispute
from settlement.services.disputes import open_dispute
from terminals.models import Tap
from tests.citizencard.city import make_staff
from tests.factories import NOON, fill_purse, make_card, make_citizen, make_product
from tests.settlement.disputes.cases import PDF, policy, publish_policies
from tests.settlement.rules import in_force
from tests.terminals.field import Field
from tests.terminals.held.held_city import upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_quick_passwords")]
SignIn = Callable[[str], Client]
LIST = "admin:settlement_dispute_changelist"


def step(name: str, dispute: Dispute) -> str:
    return reverse(f"admin:settlement_dispute_{name}", args=[dispute.pk])


@pytest.fixture
def tap(open_day: BusinessDay, demo_keys: object) -> Tap:
    """Five yuan, paid by a citizen's card; the second of two alike."""
    publish_policies("twice", file_days=366)
    make_staff()
    card = make_card(product=make_product(real_name=True, account_limit_fen=100_000), citizen=make_citizen())
    fill_purse(card, 10_000)
    field = Field.install(demo_keys)  # type: ignore[arg-type]
    return upload(field, field.tap(card, 1, 500), field.tap(card, 2, 500))[1]


@pytest.fixture
def dispute(tap: Tap) -> Dispute:
    """Opened by the citizen, a while ago."""
    return open_dispute(
        card=Card.objects.get(), kind="twice", what="purchase", source_id=tap.id, day=tap.business_date,
        words="<b>刷了两次</b>", file=PDF, actor="citizen", now=NOON,
    )  # fmt: skip


def test_a_clerk_opens_one_for_a_card_and_files_what_the_merchant_says(tap: Tap, as_staff: SignIn) -> None:
    clerk = as_staff("clerk")
    page = reverse("admin:accounts_card_dispute", args=[tap.card_id])
    assert f"purchase-{tap.id}" in clerk.get(page).content.decode()
    form = {"charge": f"purchase-{tap.id}", "kind": "twice", "amount": "4.00", "words": "刷了两次"}
    wrong = SimpleUploadedFile("x.pdf", b"<html>")
    assert "PDF" in clerk.post(page, form | {"file": wrong}).content.decode()
    assert not Dispute.objects.exists()
    told = clerk.post(page, form | {"file": SimpleUploadedFile("x.pdf", PDF)}).content.decode()
    dispute = Dispute.objects.get()
    assert dispute.number in told
    assert (dispute.charge.amount_fen, dispute.evidence.get().file_kind, dispute.opened_by) == (
        400,
        "pdf",
        "clerk",
    )
    assert "已要求举证" in clerk.post(step("ask", dispute)).content.decode()
    sent = {"party": "merchant", "words": "小票两张"}
    assert "已举证" in clerk.post(step("evidence", dispute), sent).content.decode()
    assert clerk.get(step("decide", dispute)).status_code == 403
    assert (
        dispute.number
        in clerk.get(reverse("admin:accounts_card_change", args=[tap.card_id])).content.decode()
    )


def test_the_page_tells_what_the_books_know_and_keeps_what_was_said_sealed(
    dispute: Dispute, as_staff: SignIn
) -> None:
    clerk = as_staff("clerk")
    page = clerk.get(reverse("admin:settlement_dispute_change", args=[dispute.pk])).content.decode()
    for words in (
        "正确：确由该卡支付该金额",
        "半小时内同一商户同额交易",
        "上一笔使用",
        "争议处理办法",
        "PDF",
    ):
        assert words in page
    assert "刷了两次" not in page
    read = clerk.post(step("read", dispute), {"reason": "办理"}).content.decode()
    assert "&lt;b&gt;刷了两次" in read
    piece = dispute.evidence.get()
    assert clerk.post(step("file", dispute), {"piece": piece.pk, "reason": ""}).status_code == 200
    answer = clerk.post(step("file", dispute), {"piece": piece.pk, "reason": "办理"})
    assert (answer.content, answer["Content-Type"], answer["X-Content-Type-Options"]) == (
        PDF, "application/pdf", "nosniff",
    )  # fmt: skip
    assert answer["Content-Disposition"].startswith("attachment")


def test_one_decides_and_the_holder_appeals_at_the_counter(dispute: Dispute, as_staff: SignIn) -> None:
    clerk, boss = as_staff("clerk"), as_staff("supervisor")
    refusal = {"outcome": "refuse", "bearer": "", "reason": "小票两张"}
    assert "不能变为" in boss.post(step("decide", dispute), refusal).content.decode()
    clerk.post(step("evidence", dispute), {"party": "centre", "words": "两次均有记录"})
    assert "未支持持卡人" in boss.post(step("decide", dispute), refusal).content.decode()
    Dispute.objects.filter(pk=dispute.pk).update(due_on=timezone.localdate() + timedelta(days=3))
    assert "复议中" in clerk.post(step("appeal", dispute), {"words": "再看"}).content.decode()
    for_holder = {"outcome": "grant", "bearer": "merchant", "reason": "确为重复"}
    assert "以外的人员" in boss.post(step("decide", dispute), for_holder).content.decode()
    assert "支持持卡人" in as_staff("finance").post(step("decide", dispute), for_holder).content.decode()
    assert Dispute.objects.get().state == "granted"


def test_two_people_from_the_policys_amount_on(tap: Tap, as_staff: SignIn) -> None:
    in_force(policy("amount", two_people_from_fen=0, file_days=366), "disputes")
    dispute = open_dispute(
        card=Card.objects.get(), kind="amount", what="purchase", source_id=tap.id, day=tap.business_date,
        words="多扣", actor="citizen", now=NOON,
    )  # fmt: skip
    boss, finance = as_staff("supervisor"), as_staff("finance")
    for_holder = {"outcome": "grant", "bearer": "centre", "reason": "系统差错"}
    boss.post(step("decide", dispute), for_holder)
    boss.post(step("approve", dispute))
    assert dispute.decisions.get().state == "proposed"
    finance.post(step("reject", dispute), {"reason": "请补依据"})
    boss.post(step("decide", dispute), for_holder)
    finance.post(step("approve", dispute))
    assert list(dispute.decisions.order_by("pk").values_list("state", flat=True)) == ["rejected", "done"]
    assert finance.get(step("approve", dispute)).status_code == 404


def test_who_may_do_what(dispute: Dispute, as_staff: SignIn) -> None:
    handle, decide, read = {"clerk"}, {"finance", "supervisor"}, {"clerk", "finance", "supervisor"}
    allowed = {"ask": handle, "evidence": handle, "appeal": handle, "decide": decide, "write_off": decide,
               "read": read, "file": read}  # fmt: skip
    for role in ("clerk", "finance", "supervisor", "auditor"):
        client = as_staff(role)
        for name, roles in allowed.items():
            assert client.get(step(name, dispute)).status_code == (200 if role in roles else 403), (
                role,
                name,
            )
        for name in ("approve", "reject"):
            assert client.get(step(name, dispute)).status_code == (404 if role in decide else 403)


def test_the_queue_by_its_clock_and_the_first_page(dispute: Dispute, as_staff: SignIn) -> None:
    boss = as_staff("supervisor")

    def listed(query: str) -> bool:
        return dispute.number in boss.get(reverse(LIST) + query).content.decode()

    assert [listed(query) for query in ("", "?due=late", "?due=soon", "?due=open")] == [True] * 4
    assert listed(f"?q={dispute.charge.card.pan}")
    assert not listed("?state__exact=granted")
    assert "天" in boss.get(reverse(LIST)).content.decode()
    assert "待处理争议" in boss.get(reverse("admin:index")).content.decode()


def test_the_command_lists_and_settles(dispute: Dispute) -> None:
    out = StringIO()
    call_command("disputes", json=True, stdout=out)
    (told,) = json.loads(out.getvalue())["disputes"]
    assert (told["number"], told["advanced"], told["days_left"] < 0) == (dispute.number, True, True)
    out = StringIO()
    call_command("disputes", stdout=out)
    assert dispute.number in out.getvalue()
    out = StringIO()
    call_command("disputes", settle=True, stdout=out)
    assert "到期支持持卡人 1 件" in out.getvalue()
    assert Dispute.objects.get().state == "granted"
