"""Contracts: what merchants pay by the terms of the date, to the fen, whoever works it out again."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Transfer
from accounts.selectors.balances import account_balance_fen
from benchmarks.city import Purchase, found_city, tap
from citizencard.core.errors import AlreadyDecided, CitizenCardError, InvalidField, MakerIsChecker
from settlement.models import Contract, Position, Proposal, Statement
from settlement.selectors.audit import broken_invariants
from settlement.selectors.calendar import waiting_for_contract
from settlement.selectors.fees import fee_steps
from settlement.services.clearing import clear_day
from settlement.services.proposals import approve_rule, propose_rule, refuse_rule
from terminals.models import Merchant
from tests.settlement.rules import bands, contract, shares, signed
from tests.settlement.small_city import DAY, NEXT_DAY
from tests.settlement.test_audit import tamper

pytestmark = pytest.mark.django_db


def merchant(number: int) -> Merchant:
    return Merchant.objects.get(code=f"M{number:05}")


def paid(number: int, *amounts: int, day: date = DAY) -> Statement:
    """The merchant's statement of a date on which it took these amounts; the date is cleared."""
    tap(day, [Purchase(number, 1 + at % 3, fen) for at, fen in enumerate(amounts)])
    clear_day(day=day)
    return Statement.objects.get(run=day, merchant=merchant(number))


@pytest.fixture
def quiet() -> date:
    """A city of four merchants with contracts, without taps."""
    found_city(DAY, merchants=4, cards=3)
    settle_deferred()
    return DAY


def settle_deferred() -> None:
    """What the database judges at the end of a transaction, it judges now."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def test_a_fixed_fee_is_asked_for_each_transaction(quiet: date) -> None:
    signed(measure="count", bands=bands((0, 7)))
    statement = paid(1, 100, 200, 300)
    assert (statement.fee_base, statement.fee_fen, statement.net_fen) == (3, 21, 579)
    assert statement.fee_basis_points is None
    assert broken_invariants() == []


def test_tiers_are_those_of_the_month_so_far(quiet: date) -> None:
    signed(period="month", bands=bands((0, 100), (1_000, 50)))
    first = paid(1, 900)
    second = paid(1, 300, day=NEXT_DAY)
    # 1 % up to ten yuan of the month, half of it beyond: 10 + 1 for 1,200 fen, 9 of them asked on the first date.
    assert (first.fee_before, first.fee_base, first.fee_fen) == (0, 900, 9)
    assert (second.fee_before, second.fee_base, second.fee_fen) == (900, 300, 2)
    assert [(step.floor, step.width, step.price) for step in fee_steps(second)] == [
        (0, 100, 100),
        (1_000, 200, 50),
    ]
    assert broken_invariants() == []


def test_a_month_begins_anew(quiet: date) -> None:
    signed(period="month", bands=bands((0, 0), (500, 1_000)))
    assert paid(1, 600).fee_fen == 10
    for passing in range(1, 29):
        clear_day(day=DAY + timedelta(days=passing))
    assert paid(1, 400, day=date(2026, 12, 1)).fee_fen == 0


def test_least_and_highest_fee_bound_the_period(quiet: date) -> None:
    signed("C1", "M00001", minimum_fen=80)
    signed("C2", "M00002", maximum_fen=3, period="month")
    tap(DAY, [Purchase(1, 1, 50), Purchase(2, 2, 500), Purchase(3, 3, 0)])
    clear_day(day=DAY)
    fees = dict(Statement.objects.values_list("merchant__code", "fee_fen"))
    # The least fee is owed with the first fen of trade, also beyond it; 2.5 fen are three, the month's highest.
    assert fees == {"M00001": 80, "M00002": 3, "M00003": 0}
    assert account_balance_fen(merchant(1).settlement_id) == -30
    assert paid(2, 500, day=NEXT_DAY).fee_fen == 0
    assert broken_invariants() == []


def test_a_split_gives_others_their_parts_to_the_fen(quiet: date) -> None:
    signed(
        split="net",
        bands=bands((0, 0)),
        shares=shares(("M00001", 3_334), ("M00002", 3_333), ("M00003", 3_333)),
    )
    paid(1, 101)
    # 33.6734, 33.6633 and 33.6633 fen: the two that are missing go to the largest remainders.
    assert [account_balance_fen(merchant(number).settlement_id) for number in (1, 2, 3)] == [34, 34, 33]
    assert Transfer.objects.filter(kind=Transfer.Kind.SPLIT).count() == 2
    positions = dict(Position.objects.values_list("account__code", "amount_fen"))
    assert positions == {None: -101, "2203.M00001": 34, "2203.M00002": 34, "2203.M00003": 33}
    assert broken_invariants() == []


def test_a_split_of_the_gross_leaves_the_fee_to_the_merchant(quiet: date) -> None:
    signed(split="gross", bands=bands((0, 1_000)), shares=shares(("M00002", 10_000)))
    paid(1, 200)
    assert [account_balance_fen(merchant(number).settlement_id) for number in (1, 2)] == [-20, 200]
    assert broken_invariants() == []


def test_a_date_without_contract_bears_no_fee_and_waits(quiet: date) -> None:
    before = Contract.objects.get(merchant=merchant(1))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE settlement_contract SET valid_until = %s WHERE id = %s", [date(2026, 10, 31), before.pk]
        )
    statement = paid(1, 400)
    assert (statement.contract, statement.fee_fen, statement.net_fen) == (None, 0, 400)
    assert waiting_for_contract() == [statement]
    with pytest.raises(InvalidField, match="已出结算单"):
        signed(valid_from="2026-11-01")
    with pytest.raises(InvalidField, match="无合同"):
        signed(valid_from="2026-11-03")
    assert broken_invariants() == []


def test_a_contract_ends_the_one_before_it(quiet: date) -> None:
    before = Contract.objects.get(merchant=merchant(1))
    signed(valid_from="2026-12-01")
    before.refresh_from_db()
    assert before.valid_until == date(2026, 11, 30)
    with pytest.raises(InvalidField, match="另一份合同"):
        signed("C2", valid_from="2026-12-01")
    with pytest.raises(InvalidField, match="number"):
        signed("C1", valid_from="2027-01-01")
    assert Contract.objects.filter(merchant=merchant(1)).count() == 2


def test_a_second_person_approves(quiet: date) -> None:
    proposal = propose_rule(kind="contract", content=contract(), maker="maker")
    with pytest.raises(MakerIsChecker):
        approve_rule(proposal=proposal, checker="maker")
    assert not Contract.objects.filter(number="C1").exists()
    approve_rule(proposal=proposal, checker="checker")
    assert approve_rule(proposal=proposal, checker="other").checker == "checker"
    with pytest.raises(AlreadyDecided):
        refuse_rule(proposal=proposal, checker="checker", reason="late")
    refused = refuse_rule(
        proposal=propose_rule(kind="contract", content=contract("C2"), maker="maker"),
        checker="c",
        reason="dear",
    )
    with pytest.raises(AlreadyDecided):
        approve_rule(proposal=refused, checker="checker")


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"bands": bands((0, -1))}, "bands[0].price"),
        ({"bands": bands((0, 10_001))}, "bands[0].price"),
        ({"bands": bands((5, 10))}, "bands[0].floor"),
        ({"bands": bands((0, 10), (900, 5), (900, 4))}, "bands[2].floor"),
        ({"bands": []}, "bands"),
        ({"measure": "weight"}, "measure"),
        ({"period": "week"}, "period"),
        ({"valid_from": "2026-13-01"}, "valid_from"),
        ({"valid_until": "2026-11-01"}, "valid_until"),
        ({"minimum_fen": 5, "maximum_fen": 4}, "maximum_fen"),
        ({"settle_days": -1}, "settle_days"),
        ({"split": "net", "shares": shares(("M00002", 9_999))}, "shares"),
        ({"split": "net", "shares": shares(("M00002", 5_000), ("M00002", 5_000))}, "shares"),
        ({"shares": shares(("M00002", 10_000))}, "split"),
        ({"merchant": "nobody"}, "merchant"),
        ({"rate": 3}, "rate"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(quiet: date, terms: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        propose_rule(kind="contract", content=contract(**terms), maker="maker")
    assert refused.value.data["field"] == field
    assert refused.value.data["reason"]
    assert not Proposal.objects.filter(maker="maker").exists()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE settlement_contract SET legal_basis = 'x'",
        "DELETE FROM settlement_contract",
        "UPDATE settlement_contractband SET price = 0",
        "DELETE FROM settlement_position",
        "UPDATE settlement_proposal SET state = 'refused'",
        "INSERT INTO settlement_position (run_id, party, amount_fen) VALUES ('2026-11-02', 'intercity', 1)",
    ],
)
def test_the_database_keeps_what_is_agreed_and_cleared(quiet: date, change: str) -> None:
    paid(1, 100)
    with pytest.raises(IntegrityError):
        write(change)


WRITTEN = """
INSERT INTO settlement_contract (number, merchant_id, valid_from, valid_until, legal_basis, measure, period, settle_days,
    split, proposal_id)
SELECT 'B', merchant.id, '2025-01-01', '%(until)s', 'x', 'gross', 'day', 1, '%(split)s', proposal.id
FROM terminals_merchant AS merchant, settlement_proposal AS proposal
WHERE merchant.code = 'M00003' AND proposal.state = '%(state)s' ORDER BY proposal.id DESC LIMIT 1;
INSERT INTO settlement_contractband (contract_id, floor, price) SELECT id, %(floor)s, %(price)s FROM settlement_contract WHERE number = 'B';
INSERT INTO settlement_contractshare (contract_id, merchant_id, weight)
SELECT id, merchant_id, %(weight)s FROM settlement_contract WHERE number = 'B' AND split <> '';
SET CONSTRAINTS ALL IMMEDIATE;
"""
WHOLE: dict[str, Any] = {
    "until": "2025-12-31",
    "split": "net",
    "state": "approved",
    "floor": 0,
    "price": 1,
    "weight": 10_000,
}


@pytest.mark.parametrize(
    "broken",
    [{"state": "proposed"}, {"floor": 5}, {"price": 10_001}, {"weight": 9_999}, {"split": ""}, {"until": "2025-06-30"}, {}],
)  # fmt: skip
def test_the_database_wants_whole_contracts_that_somebody_approved(
    quiet: date, broken: dict[str, Any]
) -> None:
    propose_rule(kind="contract", content=contract(), maker="m")
    with pytest.raises(IntegrityError) if broken.get("split", True) and broken else nullcontext():
        write(WRITTEN % (WHOLE | broken))


def write(statements: str) -> None:
    """As somebody who goes round the services."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statements)


@pytest.mark.parametrize(
    ("change", "invariant"),
    [
        ("UPDATE settlement_contractband SET price = 77 WHERE floor = 0", "a fee follows its contract"),
        ("UPDATE settlement_statement SET fee_before = 9", "a statement has the contract of its date, and the month before it"),
        ("UPDATE settlement_contract SET valid_from = '2026-11-03' WHERE number = 'C1'", "a statement has the contract of its date, and the month before it"),
        ("UPDATE settlement_statementshare SET amount_fen = amount_fen + 1", "the shares of a statement are its split, to the fen"),
        ("DELETE FROM settlement_statementshare WHERE weight < 5000", "the shares of a statement are its split, to the fen"),
        ("UPDATE accounts_transfer SET amount_fen = amount_fen + 1 WHERE kind = 53",
         "each posted statement has its transfers, and no transfer is without"),
        ("UPDATE settlement_position SET amount_fen = amount_fen + 1 WHERE party = 'fees'", "the positions of a run sum to zero"),
        ("DELETE FROM settlement_position WHERE party = 'funds'", "the positions of a run sum to zero"),
    ],
)  # fmt: skip
def test_tampering_is_found(quiet: date, change: str, invariant: str) -> None:
    signed(split="net", shares=shares(("M00001", 7_000), ("M00002", 3_000)))
    paid(1, 1_000)
    assert broken_invariants() == []
    tamper(change)
    assert invariant in {breach.invariant for breach in broken_invariants()}


steps = st.lists(
    st.tuples(st.integers(1, 3_000), st.integers(0, 10_000)), max_size=3, unique_by=lambda step: step[0]
).map(sorted)
terms_drawn = st.fixed_dictionaries(
    {
        "measure": st.sampled_from(["gross", "count"]),
        "period": st.sampled_from(["day", "month"]),
        "bands": st.tuples(st.integers(0, 10_000), steps).map(lambda drawn: bands((0, drawn[0]), *drawn[1])),
        "minimum_fen": st.none() | st.integers(0, 50),
        "maximum_fen": st.none() | st.integers(50, 3_000),
        "split": st.sampled_from(["net", "gross"]),
        "shares": st.integers(1, 9_999).map(lambda part: shares(("M00002", part), ("M00003", 10_000 - part))),
    }
)
days_drawn = st.lists(st.lists(st.integers(0, 2_000), max_size=4), min_size=2, max_size=2)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(terms=terms_drawn, days=days_drawn)
def test_whatever_is_agreed_no_fen_is_lost(quiet: date, terms: dict[str, Any], days: list[list[int]]) -> None:
    saved = transaction.savepoint()
    agreed = signed(**terms)
    fees = []
    for place, amounts in enumerate(days):
        day = DAY + timedelta(days=place)
        tap(day, [Purchase(1, 1 + at % 3, fen) for at, fen in enumerate(amounts)])
        run = clear_day(day=day)
        assert run.gross_fen == sum(amounts) == run.fee_fen + run.net_fen
        assert sum(run.positions.values_list("amount_fen", flat=True)) == 0
        fees.append(run.fee_fen)
        for statement in run.statements.all():
            whole = (
                statement.gross_fen if terms["split"] == "gross" else statement.gross_fen - statement.fee_fen
            )
            assert sum(statement.shares.values_list("amount_fen", flat=True)) == whole
    if terms["period"] == "month":
        bases = [len(day) if terms["measure"] == "count" else sum(day) for day in days]
        assert sum(fees) == asked(agreed, sum(bases))
    assert broken_invariants() == []
    transaction.savepoint_rollback(saved)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(terms=terms_drawn, base=st.integers(0, 6_000), more=st.integers(0, 500))
def test_a_fee_never_falls_and_rises_no_faster_than_its_highest_price(
    quiet: date, terms: dict[str, Any], base: int, more: int
) -> None:
    saved = transaction.savepoint()
    agreed = signed(**terms)
    less, after = asked(agreed, base), asked(agreed, base + more)
    assert less <= after
    highest = max(band["price"] for band in terms["bands"])
    scale = 10_000 if terms["measure"] == "gross" else 1
    jump = (terms["minimum_fen"] or 0) if base == 0 else 0  # the least fee begins with the first fen
    assert (after - less - 1 - jump) * scale <= highest * more
    transaction.savepoint_rollback(saved)


def asked(agreed: Contract, base: int) -> int:
    """What a contract asks for a base, by the database's function."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT settlement_fee_fen(%s, %s)", [agreed.pk, base])
        return int(cursor.fetchone()[0])


def test_an_error_says_field_and_rule() -> None:
    with pytest.raises(CitizenCardError, match="kind"):
        propose_rule(kind="weather", content={}, maker="maker")
