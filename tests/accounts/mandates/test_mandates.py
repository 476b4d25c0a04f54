"""A mandate's life: asked for, agreed to, refused, expired; who may ask, for what, from which source."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import translation

from accounts.errors import (
    BalanceLimitExceeded,
    CardNotActive,
    IllegalMandateTransition,
    MandateExists,
    NotTheHolder,
)
from accounts.gateway.port import MandateSetup, MandateStatus
from accounts.models import Card, Consent, Mandate, MandateCollection, Notice
from accounts.services import mandates
from accounts.services.cards import close_card
from citizencard.core.errors import InvalidField
from citizencard.core.models import AuditEntry
from tests.accounts.mandates.asking import ask_for_mandate, make_purse
from tests.accounts.mandates.bank import Bank
from tests.factories import CLERK, NOON, make_citizen, make_order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day", "bank")]


def codes(mandate: Mandate) -> list[str]:
    return list(Notice.objects.filter(citizen=mandate.citizen).order_by("pk").values_list("code", flat=True))


def test_a_request_agreed_to_at_the_bank_becomes_active_with_bank_and_four_digits(bank: Bank) -> None:
    mandate = ask_for_mandate(make_purse())
    assert mandates.start_mandate(mandate=mandate) == mandates.start_mandate(mandate=mandate) == "secret"
    assert mandates.confirm_mandate(mandate=mandate, now=NOON).state == Mandate.State.REQUESTED
    bank.agree(f"seti_{mandate.reference}")
    mandates.confirm_requests(now=NOON)
    mandate.refresh_from_db()
    assert (mandate.state, mandate.bank, mandate.gateway_method) == ("active", "中国银行 4321", "pm_1")
    assert codes(mandate) == ["mandate_active"]
    assert mandate.citizen.consents.filter(purpose=Consent.Purpose.MANDATE, withdrawn_at=None).count() == 1


@pytest.mark.parametrize("funding", ["credit", "prepaid", "unknown"])
def test_a_credit_card_is_no_source(bank: Bank, funding: str) -> None:
    mandate = ask_for_mandate(make_purse())
    mandates.start_mandate(mandate=mandate)
    bank.agree(f"seti_{mandate.reference}", funding=funding)
    refused = mandates.confirm_mandate(mandate=mandate, now=NOON)
    assert (refused.state, refused.stop_reason) == ("stopped", Mandate.StopReason.CREDIT)
    assert refused.gateway_method == refused.last4 == ""
    assert codes(mandate) == ["mandate_stopped_credit"]


def test_a_bank_account_names_no_funding_and_is_a_source(bank: Bank) -> None:
    mandate = ask_for_mandate(make_purse())
    mandates.start_mandate(mandate=mandate)
    bank.agree(f"seti_{mandate.reference}", funding="")
    assert mandates.confirm_mandate(mandate=mandate, now=NOON).state == Mandate.State.ACTIVE


def test_a_request_nobody_agrees_to_expires_after_a_day(bank: Bank) -> None:
    mandate, never_begun = ask_for_mandate(make_purse()), ask_for_mandate(make_purse())
    mandates.start_mandate(mandate=mandate)
    mandates.confirm_requests(now=NOON + mandates.REQUEST_VALID - timedelta(seconds=1))
    assert Mandate.objects.filter(state=Mandate.State.REQUESTED).count() == 2
    mandates.confirm_requests(now=NOON + mandates.REQUEST_VALID)
    for expired in (mandate, never_begun):
        expired.refresh_from_db()
        assert expired.stop_reason == Mandate.StopReason.EXPIRED
        assert codes(expired) == ["mandate_stopped_expired"]


def test_a_gateway_that_is_down_holds_up_one_request_only(bank: Bank) -> None:
    asked = [ask_for_mandate(make_purse()) for _ in range(2)]
    for mandate in asked:
        mandates.start_mandate(mandate=mandate)
        bank.agree(f"seti_{mandate.reference}")
    bank.moods.append("down")
    mandates.confirm_requests(now=NOON)
    assert [Mandate.objects.get(pk=mandate.pk).state for mandate in asked] == ["requested", "active"]


def test_a_request_refused_at_the_bank_stops(bank: Bank) -> None:
    mandate = ask_for_mandate(make_purse())
    mandates.note_mandate(MandateSetup("seti_1", MandateStatus.ENDED, reference=mandate.reference))
    mandate.refresh_from_db()
    assert mandate.stop_reason == Mandate.StopReason.WITHDRAWN


def test_the_bank_withdraws_an_active_mandate(mandate: Mandate) -> None:
    report = MandateSetup(id="", status=MandateStatus.ENDED, mandate=mandate.gateway_mandate)
    for _ in range(2):
        mandates.note_mandate(report)
    mandate.refresh_from_db()
    assert mandate.stop_reason == Mandate.StopReason.WITHDRAWN
    assert codes(mandate) == ["mandate_active", "mandate_stopped_withdrawn"]


def test_reports_that_end_nothing_change_nothing(mandate: Mandate) -> None:
    requested = ask_for_mandate(make_purse())
    for report in (
        MandateSetup(id="", status=MandateStatus.ACTIVE, mandate=mandate.gateway_mandate),
        MandateSetup(id="", status=MandateStatus.ENDED, mandate="somebody else's"),
        MandateSetup(id="", status=MandateStatus.ENDED),
    ):
        mandates.note_mandate(report)
    assert Mandate.objects.filter(pk__in=[mandate.pk, requested.pk]).exclude(state="stopped").count() == 2


def test_a_second_request_replaces_the_first_but_no_active_mandate(bank: Bank) -> None:
    purse = make_purse()
    first, second = ask_for_mandate(purse), ask_for_mandate(purse)
    first.refresh_from_db()
    assert (first.state, codes(first)) == ("stopped", [])
    mandates.start_mandate(mandate=second)
    bank.agree(f"seti_{second.reference}")
    mandates.confirm_mandate(mandate=second, now=NOON)
    with pytest.raises(MandateExists):
        ask_for_mandate(purse)
    with pytest.raises(IllegalMandateTransition):
        mandates.start_mandate(mandate=second)


def test_both_purses_of_a_card_may_have_a_mandate(bank: Bank) -> None:
    purse = make_purse()
    ask_for_mandate(purse)
    ask_for_mandate(purse.card.purses.get(kind="chip"))
    assert Mandate.objects.filter(state=Mandate.State.REQUESTED).count() == 2


def test_only_the_holder_of_an_active_card_may_ask() -> None:
    purse = make_purse()
    with pytest.raises(NotTheHolder):
        ask_for_mandate(purse, citizen=make_citizen())
    close_card(card=purse.card, actor=CLERK, reason="test", occurred_at=NOON)
    with pytest.raises(CardNotActive):
        ask_for_mandate(purse)
    assert not Mandate.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount_fen": 0}, "amount_fen"),
        ({"amount_fen": -5_000}, "amount_fen"),
        ({"amount_fen": 50.0}, "amount_fen"),
        ({"amount_fen": True}, "amount_fen"),
        ({"threshold_fen": 0}, "threshold_fen"),
        ({"day_cap_fen": 4_999}, "day_cap_fen"),
        ({"month_cap_fen": 9_999}, "day_cap_fen"),
    ],
)
def test_amounts_that_make_no_sense_are_refused(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        ask_for_mandate(make_purse(), **changes)
    assert refusal.value.data["field"] == field


def test_threshold_and_amount_fit_into_the_purse() -> None:
    caps = {"day_cap_fen": 100_000, "month_cap_fen": 100_000}
    with pytest.raises(BalanceLimitExceeded):
        ask_for_mandate(make_purse(), amount_fen=99_001, **caps)
    assert ask_for_mandate(make_purse(), amount_fen=99_000, **caps)


def test_the_switch_stops_at_once_and_takes_the_consent_with_the_last_mandate(
    make_mandate: Callable[..., Mandate],
) -> None:
    mandate = make_mandate()
    other = ask_for_mandate(mandate.purse.card.purses.get(kind="chip"), citizen=mandate.citizen)
    for _ in range(2):
        stopped = mandates.stop_mandate(mandate=mandate, actor="citizen", occurred_at=NOON)
        assert (stopped.state, stopped.stop_reason) == ("stopped", Mandate.StopReason.CITIZEN)
    assert codes(mandate) == ["mandate_active", "mandate_stopped_citizen"]
    assert AuditEntry.objects.filter(action="mandate.stop").count() == 1
    consents = Consent.objects.filter(citizen=mandate.citizen, purpose=Consent.Purpose.MANDATE)
    assert consents.get().withdrawn_at is None
    mandates.stop_mandate(mandate=other, actor="citizen", occurred_at=NOON)
    assert consents.get().withdrawn_at is not None


def test_closing_the_card_stops_its_mandates(mandate: Mandate) -> None:
    close_card(card=mandate.purse.card, actor=CLERK, reason="test", occurred_at=NOON)
    mandate.refresh_from_db()
    assert mandate.stop_reason == Mandate.StopReason.CLOSED


def test_the_database_keeps_a_stopped_mandate_stopped_and_collects_nothing_on_it(mandate: Mandate) -> None:
    mandates.stop_mandate(mandate=mandate, actor="citizen", occurred_at=NOON)
    order = make_order(card=Card.objects.get(pk=mandate.purse.card_id))
    with pytest.raises(IntegrityError, match="was stopped"), transaction.atomic():
        Mandate.objects.filter(pk=mandate.pk).update(state="active", stop_reason="", stopped_at=None)
    with pytest.raises(IntegrityError, match="is not active"), transaction.atomic():
        MandateCollection.objects.create(mandate=mandate, date=NOON.date(), number=1, order=order)


def test_a_notice_is_a_sentence_in_the_readers_language_without_the_whole_card_number(
    mandate: Mandate,
) -> None:
    notice = Notice.objects.get(citizen=mandate.citizen)
    pan = mandate.purse.card.pan
    with translation.override("en"):
        assert notice.text == f"Automatic top-up of card ****{pan[-4:]} is on: 50.00 yuan from 中国银行 4321."
    with translation.override("zh-hans"):
        assert "自动充值" in notice.text
