"""An open alert holds a payout back until a person has looked; what a person has confirmed stops it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from accounts.errors import IllegalAlertReview, PayeeMissing, RefundBlocked
from accounts.models import Card, CardFlag, RiskAlert, RiskParameters
from accounts.selectors import invariants
from accounts.selectors.refund_quote import quote_refund
from accounts.selectors.refunds import flagged_cards
from accounts.services.alerts import confirm_alert, dismiss_alert
from accounts.services.incidents import clear_flag
from accounts.services.refund_waiting import advance_refund
from accounts.services.refunds import approve_refund
from citizencard.core.errors import InvalidField
from citizencard.core.models import AuditEntry
from terminals.errors import SelfListing
from terminals.models import HotListEntry
from terminals.services.refunds import hot_list_flagged
from tests.accounts.refunds.stories import LATER, OFFICER, ask, due, fresh, shown, tap
from tests.factories import NOON
from tests.terminals.field import Field

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]

BASIS = "风险管理办法第一条"
SUPERVISOR = "supervisor"


def alert_about(card: Card, *, blocks_payout: bool = True, rule: str = "counter_jump") -> RiskAlert:
    """As a rule leaves it."""
    parameters, _ = RiskParameters.objects.get_or_create(
        rule=rule,
        valid_from=date(2026, 1, 1) + timedelta(days=not blocks_payout),
        defaults={
            "values": {"counters_max": 10},
            "blocks_payout": blocks_payout,
            "review_days": 3,
            "legal_basis": BASIS,
        },
    )
    return RiskAlert.objects.create(
        rule=rule,
        rule_version=1,
        parameters=parameters,
        business_date=NOON.date(),
        subject_kind="card",
        subject=str(card.pk),
        card=card,
        facts={"figures": {"counter": 12, "expected": 0, "missing": 12}, "evidence": {"taps": []}},
        raised_at=NOON,
        review_by=NOON.date() + timedelta(days=3),
    )


def reviewed(alert: RiskAlert, verdict: str) -> RiskAlert:
    decide = {"confirm": confirm_alert, "dismiss": dismiss_alert}[verdict]
    return decide(alert=alert, actor=SUPERVISOR, reason="asked the holder", occurred_at=NOON)


def test_a_refund_waits_for_the_review_and_says_so(card: Card) -> None:
    alert = alert_about(card)
    (blocker,) = quote_refund(card=fresh(card), on=NOON.date(), chip=shown(10_000)).blockers
    assert (blocker.kind, blocker.rule, blocker.until) == ("alert", BASIS, alert.review_by)
    assert "序号跳跃" in blocker.reason
    refund = ask(card, chip=shown(10_000))
    assert (refund.state, fresh(card).state) == ("requested", "refunding")
    assert advance_refund(refund=refund, now=LATER).state == "requested"
    reviewed(alert, "dismiss")
    assert advance_refund(refund=refund, now=NOON).state == "due"
    assert approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER).payable_fen == 11_000
    assert invariants.broken() == []


def test_an_alert_that_comes_before_the_approval_stops_it(card: Card) -> None:
    refund = due(card, chip=shown(10_000))
    alert = alert_about(card)
    with pytest.raises(RefundBlocked) as refusal:
        approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER)
    data = refusal.value.data
    assert (data["blocker"], data["legal_basis"], data["until"]) == ("alert", BASIS, alert.review_by)
    assert refusal.value.rule == BASIS
    assert alert.review_by.isoformat() in str(refusal.value)


def test_what_a_person_has_confirmed_is_paid_to_nobody_until_somebody_clears_it(card: Card) -> None:
    alert = reviewed(alert_about(card), "confirm")
    assert (alert.state, alert.reviewed_by, alert.reviewed_at) == ("confirmed", SUPERVISOR, NOON)
    with pytest.raises(RefundBlocked) as refusal:
        ask(card, chip=shown(10_000))
    assert refusal.value.data["blocker"] == "suspected"
    (flag,) = flagged_cards()
    assert (flag.kind, flag.evidence["alert"], flag.raised_by) == ("risk", alert.pk, SUPERVISOR)
    clear_flag(flag=flag, actor=OFFICER, reason="the counter was right")
    assert ask(card, chip=shown(10_000)).state == "due"


def test_alerts_of_kinds_that_do_not_matter_hold_nothing_back(card: Card) -> None:
    alert_about(card, blocks_payout=False)
    assert ask(card, chip=shown(10_000)).state == "due"


def test_confirming_does_not_block_the_card_a_second_person_does(card: Card) -> None:
    reviewed(alert_about(card), "confirm")
    assert not HotListEntry.objects.exists()
    flag = CardFlag.objects.get()
    with pytest.raises(SelfListing):
        hot_list_flagged(flag=flag, actor=SUPERVISOR, occurred_at=NOON)
    entry = hot_list_flagged(flag=flag, actor=OFFICER, occurred_at=NOON)
    assert (entry.pan, entry.listed_by, entry.reason) == (card.pan, OFFICER, "risk")


def test_two_alerts_confirmed_are_one_flag(card: Card) -> None:
    reviewed(alert_about(card), "confirm")
    reviewed(alert_about(card, rule="counter_rollback"), "confirm")
    assert CardFlag.objects.count() == 1


@pytest.mark.parametrize("verdict", ["confirm", "dismiss"])
def test_an_alert_is_reviewed_once_for_a_reason(card: Card, verdict: str) -> None:
    alert = reviewed(alert_about(card), verdict)
    assert AuditEntry.objects.filter(action=f"risk_alert.{verdict}", actor=SUPERVISOR).count() == 1
    for again in (confirm_alert, dismiss_alert):
        with pytest.raises(IllegalAlertReview):
            again(alert=alert, actor=OFFICER, reason="no", occurred_at=LATER)
        with pytest.raises(InvalidField):
            again(alert=alert, actor=OFFICER, reason=" ", occurred_at=LATER)


@pytest.mark.parametrize(
    "change",
    [{"facts": {}}, {"review_by": LATER.date()}, {"rule_version": 2}, {"card": None}, {"state": "open"}],
)
def test_the_facts_of_an_alert_stay(card: Card, change: dict[str, object]) -> None:
    alert = alert_about(card)
    if "state" in change:
        reviewed(alert, "confirm")
    row = RiskAlert.objects.filter(pk=alert.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        RiskParameters.objects.update(review_days=99)


def test_cash_waits_for_every_counter_and_says_for_which(card: Card, field: Field) -> None:
    """The chip has counted three purchases, one has arrived: no cash before the others or the end of the waiting."""
    tap(field, card, 1, 200)
    refund = due(card, chip=shown(9_400, atc=3, at=NOON + timedelta(hours=1)))
    with pytest.raises(PayeeMissing) as refusal:
        approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER)
    assert "0, 2" in str(refusal.value)
    assert refusal.value.data["until"] == NOON.date() + timedelta(days=7)
    for atc in (0, 2):
        tap(field, card, atc, 200)
    assert approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER).payable_fen == 10_400
    assert refund.parts.get().method == "cash"


def test_cash_has_a_limit_and_names_it(card: Card) -> None:
    from tests.accounts.refunds.stories import anonymous_card

    rich = anonymous_card(10_000, code="small", cash_limit_fen=10_999)
    refund = due(rich, chip=shown(10_000))
    with pytest.raises(PayeeMissing, match=r"109\.99"):
        approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER)


def test_a_purchase_without_proof_holds_the_refund_up(card: Card, field: Field) -> None:
    """Open, the chip may have paid it: the refund is taken in and waits until the record is settled or dropped."""
    from terminals.models import Grey, GreyStep

    grey = Grey.objects.create(
        terminal=field.terminal, merchant=field.terminal.merchant, terminal_seq=9, cause="no_answer", pan=card.pan,
        card=card, atc=7, kind=6, amount_fen=300, balance_fen=9_700, occurred_at=NOON,
    )  # fmt: skip
    assert ask(card, chip=shown(10_000)).state == "due"
    GreyStep.objects.create(grey=grey, state="open", rule="reported")
    other = quote_refund(card=fresh(card), on=NOON.date(), chip=shown(10_000))
    (blocker,) = other.blockers
    assert (blocker.kind, "7" in blocker.reason) == ("grey", True)
    refund = card.refunds.get()
    with pytest.raises(RefundBlocked) as refusal:
        approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER)
    assert refusal.value.data["blocker"] == "grey"
    GreyStep.objects.create(grey=grey, state="ended", rule="not_paid")
    assert approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER).payable_fen == 11_000
