"""What staff do with money: each step asks, does one thing, says what came of it, and stands in the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import (
    Card,
    CardFlag,
    Consent,
    Mandate,
    Refund,
    RefundPart,
    SubsidyBatch,
    TopUpDifference,
)
from accounts.services.cards import mark_lost
from accounts.services.refund_payout import name_payee
from citizencard.core.models import AuditEntry
from terminals.models import HotListEntry
from tests.accounts.refunds.stories import pay_online, publish
from tests.accounts.subsidies.files import subsidy_file
from tests.citizencard.office.money import SECOND, Money, make_due
from tests.factories import NOON

SignIn = Callable[[str], Client]


def told(client: Client, path: str, form: dict[str, object]) -> str:
    """The page a step answers with."""
    answer = client.post(path, form)
    assert answer.status_code == 200
    return answer.content.decode()


def refund_page(refund: Refund, step: str) -> str:
    return f"/office/accounts/refund/{refund.pk}/{step}/"


def fresh(refund: Refund) -> Refund:
    return Refund.objects.get(pk=refund.pk)


def audited(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=action)


# --- refunds --------------------------------------------------------------------------------------------------------


def test_the_quote_is_shown_before_anybody_asks_for_a_refund(money: Money, as_staff: SignIn) -> None:
    path = f"/office/accounts/card/{money.card.pk}/refund/"
    text = as_staff("clerk").get(path).content.decode()
    for line in ("+290.00", "−30.00", "+10.00", "270.00", "充值未完成"):
        assert line in text
    assert not money.card.refunds.exists()


def test_a_clerk_takes_a_refund_in_and_the_card_is_blocked(money: Money, as_staff: SignIn) -> None:
    path = f"/office/accounts/card/{money.card.pk}/refund/"
    text = told(as_staff("clerk"), path, {"reason": "搬离本市", "payee": "tok_9"})
    refund = money.card.refunds.get()
    assert refund.number in text
    assert (refund.requested_by, refund.reason, refund.payee) == ("clerk", "搬离本市", "tok_9")
    assert Card.objects.get(pk=money.card.pk).state == Card.State.REFUNDING
    assert HotListEntry.objects.filter(pan=money.card.pan, removed_at=None).exists()


def test_a_refund_needs_a_reason_and_never_an_account_number(money: Money, as_staff: SignIn) -> None:
    clerk, path = as_staff("clerk"), f"/office/accounts/card/{money.card.pk}/refund/"
    told(clerk, path, {"reason": " ", "payee": ""})
    assert "payee" in told(clerk, path, {"reason": "搬家", "payee": "6222020000000001"})
    assert not money.card.refunds.exists()


def test_what_stands_against_a_refund_is_told(money: Money, as_staff: SignIn) -> None:
    path = f"/office/accounts/card/{money.flag.card_id}/refund/"
    assert 'role="alert"' in told(as_staff("clerk"), path, {"reason": "退卡", "payee": ""})
    assert not Refund.objects.filter(card=money.flag.card_id).exists()


def test_another_person_approves_and_pays_in_cash(money: Money, as_staff: SignIn) -> None:
    finance = as_staff("finance")
    assert "+66.00" in finance.get(refund_page(money.due, "approve")).content.decode()
    assert "76.00" in told(
        finance, refund_page(money.due, "approve"), {"interest": "", "interest_reason": ""}
    )
    assert (fresh(money.due).state, fresh(money.due).decided_by) == (Refund.State.APPROVED, "finance")
    told(finance, refund_page(money.due, "pay_cash"), {})
    assert fresh(money.due).state == Refund.State.PAID
    assert (audited("refund.approve").actor, audited("refund.pay").actor) == ("finance", "finance")


def test_nobody_approves_a_refund_of_their_own(money: Money, as_staff: SignIn) -> None:
    refund = make_due(requested_by="finance")
    assert 'role="alert"' in told(as_staff("finance"), refund_page(refund, "approve"), {"interest": ""})
    assert fresh(refund).state == Refund.State.DUE
    told(as_staff(SECOND), refund_page(refund, "approve"), {"interest": ""})
    assert fresh(refund).state == Refund.State.APPROVED


def test_interest_is_an_amount_with_a_reason(money: Money, as_staff: SignIn) -> None:
    finance, path = as_staff("finance"), refund_page(money.due, "approve")
    for interest, reason in (("abc", "逾期"), ("-1", "逾期"), ("0.001", "逾期"), ("1.50", "")):
        assert 'role="alert"' in told(finance, path, {"interest": interest, "interest_reason": reason})
    assert fresh(money.due).state == Refund.State.DUE
    assert "77.50" in told(finance, path, {"interest": "1.50", "interest_reason": "逾期付款"})
    assert fresh(money.due).interest_fen == 150


def test_the_bank_pays_a_part_and_sends_it_back(money: Money, as_staff: SignIn) -> None:
    refund, finance = money.due, as_staff("finance")
    told(as_staff("clerk"), refund_page(refund, "payee"), {"payee": "tok_1"})
    told(finance, refund_page(refund, "approve"), {"interest": ""})
    part = refund.parts.get(method=RefundPart.Method.BANK)
    assert part.key in finance.get(refund_page(refund, "confirm_bank")).content.decode()
    told(finance, refund_page(refund, "confirm_bank"), {"part": part.key, "reference": "B-77"})
    assert fresh(refund).state == Refund.State.PAID
    told(finance, refund_page(refund, "return_bank"), {"part": part.key, "reason": "账户已销户"})
    assert fresh(refund).state == Refund.State.FAILED
    assert refund.parts.filter(state=RefundPart.State.WAITING).count() == 1
    text = finance.get(refund_page(refund, "change")).content.decode()
    assert "B-77" in text
    assert "账户已销户" in text


def test_a_part_of_another_refund_is_not_paid_on_this_page(money: Money, as_staff: SignIn) -> None:
    other = make_due()
    for refund in (money.due, other):
        name_payee(refund=refund, payee="tok_1", actor="clerk")
        told(as_staff("finance"), refund_page(refund, "approve"), {"interest": ""})
    strange = other.parts.get()
    form: dict[str, object] = {"part": strange.key, "reference": "B-78"}
    told(as_staff("finance"), refund_page(money.due, "confirm_bank"), form)
    assert not RefundPart.objects.filter(state=RefundPart.State.PAID).exists()


def test_a_refund_withdrawn_leaves_the_card_as_it_was(money: Money, as_staff: SignIn) -> None:
    told(as_staff("clerk"), refund_page(money.due, "withdraw"), {"reason": "不退了"})
    assert fresh(money.due).state == Refund.State.WITHDRAWN
    assert Card.objects.get(pk=money.due.card_id).state == Card.State.ACTIVE
    assert not HotListEntry.objects.filter(pan=money.due.card.pan, removed_at=None).exists()


def test_a_refund_is_refused_for_a_reason(money: Money, as_staff: SignIn) -> None:
    told(as_staff("finance"), refund_page(money.due, "refuse"), {"reason": ""})
    assert fresh(money.due).state == Refund.State.DUE
    told(as_staff("finance"), refund_page(money.due, "refuse"), {"reason": "证件不符"})
    assert (fresh(money.due).state, fresh(money.due).decision_reason) == (Refund.State.REFUSED, "证件不符")


def test_damage_is_found_once_and_taken_from_the_deposit(money: Money, as_staff: SignIn) -> None:
    clerk, path = as_staff("clerk"), f"/office/accounts/card/{money.card.pk}/"
    assert "免费" in told(clerk, path + "damage/", {"reason": "折断"})
    publish(money.card.product, valid_from=date(2026, 2, 1), damage_fee_fen=400)
    assert "4.00" in told(clerk, path + "damage/", {"reason": "折断"})
    text = clerk.get(path + "change/").content.decode()
    assert "折断" in text
    assert path + "damage" not in text
    assert "−4.00" in clerk.get(path + "refund/").content.decode()


def test_money_that_came_through_the_gateway_shows_its_way_back(money: Money, as_staff: SignIn) -> None:
    pay_online(money.card, 1_000)
    path = f"/office/accounts/topuporder/{money.gateway_order.pk}/change/"
    assert "待发送" in as_staff("finance").get(path).content.decode()


# --- mandates, differences, suspicions ------------------------------------------------------------------------------


def test_a_clerk_stops_a_mandate_for_its_citizen(money: Money, as_staff: SignIn) -> None:
    told(as_staff("clerk"), f"/office/accounts/mandate/{money.mandate.pk}/stop/", {"reason": "电话要求停止"})
    assert Mandate.objects.get(pk=money.mandate.pk).state == Mandate.State.STOPPED
    entry = audited("mandate.stop")
    assert (entry.actor, entry.detail) == ("clerk", {"reason": "电话要求停止"})
    assert not Consent.objects.filter(purpose=Consent.Purpose.MANDATE, withdrawn_at=None).exists()


def test_finance_closes_a_difference_with_a_note(money: Money, as_staff: SignIn) -> None:
    path = f"/office/accounts/topupdifference/{money.difference.pk}/close/"
    told(as_staff("finance"), path, {"reason": "网关已补单"})
    closed = TopUpDifference.objects.get(pk=money.difference.pk)
    assert (closed.closed_by, closed.note) == ("finance", "网关已补单")


def test_a_suspicion_is_put_on_the_hot_list_or_cleared(money: Money, as_staff: SignIn) -> None:
    path = f"/office/accounts/cardflag/{money.flag.pk}/"
    assert "99900" in as_staff("clerk").get(path + "change/").content.decode()
    entries = HotListEntry.objects.filter(pan=money.flag.card.pan, removed_at=None)
    assert "提出存疑者以外" in told(as_staff("clerk"), path + "hot_list/", {})
    assert not entries.exists()
    told(as_staff("supervisor"), path + "hot_list/", {})
    assert entries.get().listed_by == "supervisor"
    told(as_staff("finance"), path + "clear/", {"reason": "读卡器故障"})
    assert CardFlag.objects.get(pk=money.flag.pk).cleared_reason == "读卡器故障"


# --- subsidies ------------------------------------------------------------------------------------------------------


def upload(client: Client, content: bytes) -> str:
    form = {"file": SimpleUploadedFile("subsidy.csv", content)}
    return client.post("/office/accounts/subsidybatch/upload/", form, follow=True).content.decode()


def test_a_bad_file_is_listed_row_by_row_and_nothing_is_taken(money: Money, as_staff: SignIn) -> None:
    rows = [(money.card.pan, "0.00"), ("3104397000000099999", "5.00")]
    text = upload(as_staff("finance"), subsidy_file(rows, number="YL2026-05"))
    for problem in ("没有此卡", "金额须为正数"):
        assert problem in text
    assert "3104397000000099999" not in text
    assert not SubsidyBatch.objects.filter(number="YL2026-05").exists()


def test_what_is_no_file_of_ours_is_told(money: Money, as_staff: SignIn) -> None:
    for content in (b"", b"\xff\xfe\x00", b"PK\x03\x04"):
        upload(as_staff("finance"), content)
    assert SubsidyBatch.objects.count() == 1


def test_one_person_uploads_and_another_pays_out(money: Money, as_staff: SignIn) -> None:
    finance, second = as_staff("finance"), as_staff(SECOND)
    upload(finance, subsidy_file([(money.card.pan, "12.30")], number="YL2026-06"))
    batch = SubsidyBatch.objects.get(number="YL2026-06")
    path = f"/office/accounts/subsidybatch/{batch.pk}/"
    assert "12.30" in finance.get(path + "change/").content.decode()
    assert 'role="alert"' in told(finance, path + "approve/", {})
    told(second, path + "approve/", {})
    assert SubsidyBatch.objects.get(pk=batch.pk).checker == SECOND
    assert money.card.topups.filter(channel="subsidy", amount_fen=1_230).exists()


def test_the_second_person_sees_what_can_no_longer_be_paid(money: Money, as_staff: SignIn) -> None:
    mark_lost(card=Card.objects.get(pk=money.card.pk), actor="clerk", reason="遗失", occurred_at=NOON)
    path = f"/office/accounts/subsidybatch/{money.batch.pk}/approve/"
    assert "文件检查" in as_staff(SECOND).get(path).content.decode()
    assert 'role="alert"' in told(as_staff(SECOND), path, {})
    assert SubsidyBatch.objects.get(pk=money.batch.pk).state == SubsidyBatch.State.UPLOADED


def test_a_batch_sent_back_stays_so(money: Money, as_staff: SignIn) -> None:
    path = f"/office/accounts/subsidybatch/{money.batch.pk}/"
    told(as_staff(SECOND), path + "refuse/", {"reason": "名单有误"})
    assert SubsidyBatch.objects.get(pk=money.batch.pk).state == SubsidyBatch.State.REFUSED
    assert 'role="alert"' in told(as_staff(SECOND), path + "approve/", {})
