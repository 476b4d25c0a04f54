"""A dispute from its opening to each of its ends: states, clocks, people, and where the money is at every step."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.errors import ChargeDisputed
from accounts.models import Notice, TopUpOrder
from accounts.services.ledger import set_account_state
from accounts.services.payments import account_purse
from citizencard.core.errors import AlreadyDecided, InvalidField, MakerIsChecker, NotFound
from citizencard.core.models import AuditEntry
from settlement.errors import (
    DecidedByParty,
    DecisionProposed,
    DisputePolicyMissing,
    DisputeTooLate,
    IllegalDisputeStep,
    NothingOwed,
)
from settlement.models import Dispute, DisputeEvidence, DisputeKind, DisputePolicy
from settlement.selectors.audit import broken_invariants
from settlement.selectors.calendar import clock_date
from settlement.selectors.disputes import policies_on
from settlement.services.disputes import (
    FILE_MAX,
    Settled,
    appeal_dispute,
    approve_decision,
    ask_evidence,
    file_evidence,
    open_file,
    reject_decision,
    settle_due,
)
from settlement.services.disputes.evidence import open_words
from settlement.services.proposals import found_rule, propose_rule
from terminals.services.field import register_merchant
from tests.accounts.purses.filling import fill
from tests.factories import NOON, make_card
from tests.settlement.disputes.cases import (
    BOSS,
    CLERK,
    HOLDER,
    PDF,
    THIRD,
    Holder,
    answered,
    decided,
    fen,
    fresh,
    holder,
    later,
    on,
    opened,
    policy,
)
from tests.settlement.test_audit import tamper

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_keys")]


CITY = Path(__file__).resolve().parents[3] / "fixtures" / "city.json"


def told(holder: Holder) -> list[str]:
    codes = Notice.objects.filter(citizen=holder.card.citizen, code__startswith="dispute").order_by("pk")
    return list(codes.values_list("code", flat=True))


def test_silence_of_the_merchant_is_the_holders_win(lin: Holder) -> None:
    dispute = opened(lin.pays())
    assert (dispute.state, dispute.due_on, dispute.decide_by) == ("opened", on(9), on(16))
    assert (lin.online_fen, fen("1222"), fen("2202.shop")) == (1_000, 500, 500)
    assert told(lin) == ["dispute_opened", "dispute_advanced"]
    ask_evidence(dispute=dispute, actor=CLERK, now=later(1))
    assert settle_due(now=later(7)) == Settled(0, 0, 0, 0)
    assert [settle_due(now=later(8)).granted for _ in range(2)] == [1, 0]
    dispute = fresh(dispute)
    decision = dispute.decisions.get()
    assert (dispute.state, dispute.due_on, decision.rule, decision.bearer) == (
        "granted", None, "no_evidence", "merchant",
    )  # fmt: skip
    assert (lin.online_fen, fen("1222"), fen("2202.shop"), fen("6711")) == (1_000, 0, 0, 0)
    assert told(lin)[-1] == "dispute_granted"
    assert broken_invariants() == []


def test_whoever_forgets_to_ask_bears_it_himself(lin: Holder) -> None:
    dispute = opened(lin.pays())
    settle_due(now=later(8))
    assert (fresh(dispute).state, fen("6711"), fen("2202.shop")) == ("granted", 500, 500)


@pytest.mark.parametrize("appealed", [False, True])
def test_not_decided_in_time_is_granted_at_our_cost(lin: Holder, appealed: bool) -> None:
    dispute = answered(opened(lin.pays()))
    assert (dispute.state, dispute.due_on) == ("answered", on(16))
    if appealed:
        decided(dispute)
        appeal_dispute(dispute=dispute, words="再看", actor=HOLDER, now=later(7))
        assert fresh(dispute).due_on == on(23)
    assert settle_due(now=later(21 if appealed else 14)).granted == 0
    assert settle_due(now=later(22 if appealed else 15)).granted == 1
    assert (fresh(dispute).decisions.last().rule, fen("6711"), lin.online_fen) == ("not_decided", 500, 1_000)  # type: ignore[union-attr]
    assert broken_invariants() == []


def test_one_that_cannot_be_settled_keeps_no_other_waiting(lin: Holder) -> None:
    other = register_merchant(code="gone", name="已停业", channel="shop")
    for shop, key in ((lin.shop, "p"), (other, "q")):
        payment = Holder(lin.card, shop).pays(300, key)
        ask_evidence(dispute=opened(payment), actor=CLERK, now=NOON)
    set_account_state(account=other.payable, state="frozen", actor=BOSS, reason="x")
    assert settle_due(now=later(8)) == Settled(granted=1, closed=0, collected_fen=0, failed=1)
    assert broken_invariants() == []


def test_a_refusal_keeps_the_credit_until_the_time_to_appeal_is_over(lin: Holder) -> None:
    payment = lin.pays()
    dispute = answered(opened(payment))
    decided(dispute)
    dispute = fresh(dispute)
    assert (dispute.state, dispute.due_on, lin.online_fen) == ("refused", on(9), 1_000)
    assert settle_due(now=later(7)).closed == 0
    assert settle_due(now=later(8)) == Settled(granted=0, closed=1, collected_fen=0, failed=0)
    assert (fresh(dispute).state, lin.online_fen, fen("1222"), fen("2202.shop")) == ("closed", 500, 0, 500)
    assert told(lin) == ["dispute_opened", "dispute_advanced", "dispute_refused", "dispute_closed"]
    with pytest.raises(ChargeDisputed):
        opened(payment)
    assert broken_invariants() == []


def test_an_appeal_is_decided_by_others_and_is_the_last_word(lin: Holder) -> None:
    dispute = answered(opened(lin.pays()))
    with pytest.raises(IllegalDisputeStep):
        appeal_dispute(dispute=dispute, words="x", actor=HOLDER, now=NOON)
    decided(dispute)
    with pytest.raises(IllegalDisputeStep):
        appeal_dispute(dispute=dispute, words="x", actor=HOLDER, now=later(8))
    appeal_dispute(dispute=dispute, words="监控可查", actor=HOLDER, now=later(7))
    with pytest.raises(DecidedByParty):
        decided(dispute, "grant", BOSS, "merchant")
    decided(dispute, "grant", THIRD, "merchant")
    assert (fresh(dispute).state, lin.online_fen, fen("2202.shop"), fen("1222")) == ("granted", 1_000, 0, 0)
    assert TopUpOrder.objects.filter(channel="dispute").count() == 1
    for outcome, bearer in (("refuse", ""), ("grant", "centre")):
        with pytest.raises(IllegalDisputeStep):
            decided(dispute, outcome, CLERK, bearer)
    assert broken_invariants() == []


def test_an_appeal_that_is_refused_closes_and_what_was_spent_is_owed(lin: Holder) -> None:
    dispute = answered(opened(lin.pays()))
    lin.pays(700, "q")
    decided(dispute)
    appeal_dispute(dispute=dispute, words="再看", actor=HOLDER, now=NOON)
    decided(dispute, "refuse", THIRD)
    assert (fresh(dispute).state, lin.online_fen, fen("1222")) == ("closed", 0, 200)
    proposed = decided(dispute, "write_off", BOSS)
    assert (proposed.state, fen("1222")) == ("proposed", 200)
    approve_decision(decision=proposed, actor=THIRD, now=NOON)
    assert (fen("1222"), fen("6711")) == (0, 200)
    with pytest.raises(NothingOwed):
        decided(dispute, "write_off", BOSS)
    assert broken_invariants() == []


def test_from_the_policys_amount_on_it_takes_two(lin: Holder) -> None:
    fill(account_purse(lin.card), 9_000)
    dispute = answered(opened(lin.pays(5_000, "big")))
    proposed = decided(dispute, "grant", BOSS, "merchant")
    assert (proposed.state, fresh(dispute).state) == ("proposed", "answered")
    with pytest.raises(DecisionProposed):
        decided(dispute, "refuse", THIRD)
    for who, refusal in ((BOSS, MakerIsChecker), (HOLDER, DecidedByParty)):
        with pytest.raises(refusal):
            approve_decision(decision=proposed, actor=who, now=NOON)
    with pytest.raises(InvalidField):
        reject_decision(decision=proposed, actor=THIRD, reason=" ", now=NOON)
    reject_decision(decision=proposed, actor=THIRD, reason="小票不清", now=NOON)
    again = decided(dispute, "grant", BOSS, "merchant")
    approve_decision(decision=again, actor=THIRD, now=NOON)
    assert (fresh(dispute).state, fen("2202.shop")) == ("granted", 0)
    assert broken_invariants() == []


def test_a_proposal_lapses_when_the_clock_is_faster(lin: Holder) -> None:
    fill(account_purse(lin.card), 9_000)
    dispute = answered(opened(lin.pays(5_000)))
    proposed = decided(dispute)
    assert settle_due(now=later(15)).granted == 1
    states = list(dispute.decisions.order_by("pk").values_list("state", flat=True))
    assert states == ["lapsed", "done"]
    with pytest.raises(AlreadyDecided):
        approve_decision(decision=proposed, actor=THIRD, now=NOON)
    assert broken_invariants() == []


def test_nobody_decides_against_the_holder_without_evidence(lin: Holder) -> None:
    dispute = opened(lin.pays())
    with pytest.raises(IllegalDisputeStep):
        decided(dispute)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE settlement_dispute SET state = 'refused'")
    file_evidence(dispute=dispute, party="holder", words="还有", actor=HOLDER, now=NOON)
    assert fresh(dispute).state == "opened"
    with pytest.raises(DecidedByParty):
        decided(dispute, "grant", HOLDER, "centre")
    with pytest.raises(InvalidField):
        decided(dispute, "grant", BOSS)
    decided(dispute, "grant", BOSS, "centre")
    with pytest.raises(IllegalDisputeStep):
        file_evidence(dispute=dispute, party="merchant", words="晚了", actor=CLERK, now=NOON)


def test_evidence_is_sealed_and_opened_with_a_reason_only(lin: Holder) -> None:
    dispute = opened(lin.pays(), file=b"\xff\xd8\xff picture")
    evidence = DisputeEvidence.objects.get()
    assert (evidence.file_kind, evidence.file_bytes, evidence.actor) == ("jpeg", 11, HOLDER)
    stored = bytes(evidence.words_sealed or b"") + bytes(evidence.file_sealed or b"")
    assert "没有收到".encode() not in stored
    assert b"picture" not in stored
    with pytest.raises(InvalidField):
        open_file(evidence=evidence, actor=CLERK, reason=" ")
    assert open_file(evidence=evidence, actor=CLERK, reason="查案") == b"\xff\xd8\xff picture"
    assert open_words(evidence=evidence, actor=CLERK, reason="查案") == "没有收到商品"
    assert AuditEntry.objects.filter(action="pii.reveal", actor=CLERK).count() == 2
    made = file_evidence(dispute=dispute, party="merchant", words="", file=PDF, actor=CLERK, now=NOON)
    assert (made.file_kind, open_words(evidence=made, actor=CLERK, reason="x")) == ("pdf", "")


WRONG: tuple[tuple[dict[str, object], str], ...] = (
    ({"words": " "}, "words"),
    ({"words": "x" * 2001}, "words"),
    ({"file": b"<html><script>"}, "file"),
    ({"file": b""}, "file"),
    ({"file": PDF + bytes(FILE_MAX)}, "file"),
    ({"amount_fen": 0}, "amount_fen"),
    ({"amount_fen": 501}, "amount_fen"),
    ({"amount_fen": True}, "amount_fen"),
    ({"kind": "top_up"}, "kind"),
    ({"kind": "?"}, "kind"),
)


def test_what_is_wrong_is_named_and_nothing_is_kept(lin: Holder) -> None:
    payment = lin.pays()
    for values, field in WRONG:
        with pytest.raises(InvalidField) as refused, transaction.atomic():
            opened(payment, **values)
        assert refused.value.data["field"] == field, values
    assert (Dispute.objects.count(), lin.online_fen) == (0, 500)


def test_a_file_may_have_two_megabytes(lin: Holder) -> None:
    file = PDF + bytes(FILE_MAX - len(PDF))
    opened(lin.pays(), words="", file=file)
    assert open_file(evidence=DisputeEvidence.objects.get(), actor=CLERK, reason="x") == file


def test_only_ones_own_charges_and_not_for_ever(lin: Holder) -> None:
    payment = lin.pays()
    with pytest.raises(NotFound):
        opened(payment, card=make_card())
    with pytest.raises(DisputeTooLate) as late:
        opened(payment, now=later(91))
    assert late.value.rule == "争议处理办法"


def test_without_a_policy_nothing_is_disputed(open_day: object) -> None:
    with pytest.raises(DisputePolicyMissing):
        opened(holder().pays())


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"kind": "bad"}, "kind"),
        ({"decide_days": 4}, "decide_days"),
        ({"evidence_days": 0}, "evidence_days"),
        ({"advance_up_to_fen": -1}, "advance_up_to_fen"),
        ({"legal_basis": ""}, "legal_basis"),
        ({"more": 1}, "more"),
    ],
)
def test_a_policy_is_whole(terms: dict[str, object], field: str, db: None) -> None:
    with pytest.raises(InvalidField) as refused:
        propose_rule(kind="disputes", content=policy() | terms, maker="maker")
    assert refused.value.data["field"] == field


FORBIDDEN = (
    "UPDATE settlement_dispute SET charged_fen = 1",
    "DELETE FROM settlement_dispute",
    "UPDATE settlement_disputeevidence SET actor = 'x'",
    "UPDATE settlement_disputepolicy SET evidence_days = 99",
    "UPDATE settlement_disputedecision SET reason = 'x'",
    "DELETE FROM settlement_disputedecision",
    "INSERT INTO settlement_disputedecision (dispute_id, outcome, bearer, rule, reason, by_two, on_appeal, state, maker,"
    " made_at, checker, checked_at) SELECT dispute_id, 'refuse', '', 'people', 'x', true, false, 'done', 'a', now(), 'a',"
    " now() FROM settlement_disputedecision",
    "UPDATE settlement_dispute SET state = 'closed'",
)


def test_the_database_keeps_cases_as_they_are(lin: Holder) -> None:
    decided(answered(opened(lin.pays())))
    for change in FORBIDDEN:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)


TAMPERING = (
    ("UPDATE settlement_dispute SET state = 'closed'", "a dispute stands where its charge does"),
    ("UPDATE settlement_disputedecision SET outcome = 'refuse', bearer = ''",
     "a dispute ends as it was decided, by as many people as its amount asks for"),
    ("UPDATE accounts_disputedcharge SET amount_fen = 600", "what is disputed and given back of a charge is within it"),
    ("UPDATE accounts_disputedcharge SET amount_fen = 400", "a credit of a dispute is its charge's, over its amount, for its card"),
    ("DELETE FROM accounts_transfer WHERE kind = 70", "a document has the transfers that it asks for, and no transfer is without"),
    ("UPDATE accounts_disputedcharge SET state = 'refused', bearer_id = NULL", "what disputes have advanced is in account 1222"),
)  # fmt: skip


def test_tampering_is_found(lin: Holder) -> None:
    decided(opened(lin.pays()), "grant", bearer="merchant")
    for change, invariant in TAMPERING:
        with transaction.atomic():
            tamper(change)
            assert invariant in {breach.invariant for breach in broken_invariants()}
            transaction.set_rollback(True)
    assert broken_invariants() == []


def test_the_demo_city_has_a_policy_for_every_kind(db: None) -> None:
    rules = json.loads(CITY.read_text(encoding="utf-8"))["settlement_rules"]
    for _ in range(2):
        for rule in rules:
            if rule["kind"] == "disputes":
                found_rule(kind=rule["kind"], content=rule["content"])
    assert [each.kind for each in policies_on(on(2), DisputeKind.values)] == DisputeKind.values
    assert DisputePolicy.objects.count() == len(DisputeKind)


def test_where_no_calendar_is_approved_every_day_counts(db: None) -> None:
    assert clock_date(date(2031, 1, 1), 5) == date(2031, 1, 6)
