"""A simulated city comes out as its plan says, by arrays and by chips, straight and signed; whatever is changed is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Card
from citizencard.core.models import BusinessDay
from citizencard.simulator import run as runs
from citizencard.simulator import virtual
from citizencard.simulator.check import Check
from citizencard.simulator.chips import ChipsDiffer, RealCards
from citizencard.simulator.expected import expect
from citizencard.simulator.faults import RATES, Fault
from citizencard.simulator.lines import Signed
from citizencard.simulator.run import Outcome, Run
from citizencard.simulator.verdicts import VERDICTS
from citizencard.simulator.virtual import VirtualCards
from terminals.models import Batch, Refusal, Tap
from terminals.wire.record import TapRecord

pytestmark = pytest.mark.django_db
MakeRun = Callable[..., Run]


def taken_back(run: Run) -> Outcome:
    """Play, and leave the city as it was before."""
    around = transaction.atomic()
    # As pytest-django's own: some services insist on being nobody's part.
    around._from_testcase = True
    with around:
        outcome = run.play()
        transaction.set_rollback(True)
    return outcome


def test_all_faults_are_noticed_and_nothing_else(make_run: MakeRun) -> None:
    outcome = make_run().play()
    assert outcome.check.differences == []
    assert outcome.breaches == 0
    assert {row.fault for row in outcome.faults} == set(RATES)
    assert all(row.found == row.expected > 0 for row in outcome.faults)
    assert outcome.check.reported is not None
    assert {told[0] for told in outcome.check.reported.cards} >= {"gap", "conflict", "duplicate"}
    assert {told[0] for told in outcome.check.reported.terminals} == {"gap", "duplicate"}
    assert Tap.objects.count() + Refusal.objects.count() == len(outcome.plan.traffic.lines)
    assert set(Refusal.objects.values_list("code", flat=True)) == {
        "duplicate", "bad_tac", "unknown_card", "illegal_data", "future",
    }  # fmt: skip
    assert Batch.objects.filter(state="refused").count() >= 1
    assert BusinessDay.objects.filter(state="closed").count() == 3


def test_an_honest_city_has_nothing_to_notice(make_run: MakeRun) -> None:
    outcome = make_run(citizens=8, faults="none", days=1).play()
    assert outcome.clean
    assert outcome.faults == []
    assert Tap.objects.filter(outcome=Tap.Outcome.ACCEPTED).count() == outcome.plan.wish.taps
    assert not Refusal.objects.exists()
    assert not outcome.check.card_gaps | outcome.check.sequence_gaps


def test_one_seed_gives_one_ledger(make_run: MakeRun) -> None:
    first, again, other = (taken_back(make_run(citizens=8, days=1, seed=seed)) for seed in (3, 3, 4))
    assert (first.plan.digest(), first.check.digest()) == (again.plan.digest(), again.check.digest())
    assert first.plan.digest() != other.plan.digest()
    assert first.check.digest() != other.check.digest()


def test_chips_and_arrays_give_the_same_records_and_the_same_ledger(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down to the TAC: what is computed for thousands at once is what a chip would have said."""
    made: dict[type, list[TapRecord]] = {RealCards: [], VirtualCards: []}
    sold: list[str] = []
    for kind in made:
        plain = kind.records  # type: ignore[attr-defined]

        def records(self: Any, taps: Any, plain: Any = plain, kind: Any = kind) -> list[TapRecord]:
            found = plain(self, taps)
            made[kind] += found
            sold[:] = self.pans
            return found  # type: ignore[no-any-return]

        monkeypatch.setattr(kind, "records", records)
    wish = {"citizens": 5, "days": 2, "seed": 5, "taps": 50}
    chips = taken_back(make_run(chips=True, **wish))
    monkeypatch.setattr(virtual, "draw_pans", lambda count: list(sold))
    arrays = taken_back(make_run(**wish))
    assert chips.check.differences == arrays.check.differences == []
    assert chips.check.digest() == arrays.check.digest()
    assert made[RealCards] == made[VirtualCards]
    assert len(made[RealCards]) == len(chips.plan.traffic.lines)


def test_a_chip_that_does_otherwise_is_noticed(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = runs.draw_plan

    def another_balance(*args: Any) -> Any:
        plan = plain(*args)
        plan.taps.balance[2] += 1
        return plan

    monkeypatch.setattr(runs, "draw_plan", another_balance)
    with pytest.raises(ChipsDiffer, match="tap 2: sequence, counter, amount and balance"):
        make_run(chips=True, citizens=2, days=1, faults="none").play()


def test_signed_requests_through_the_whole_web_application(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By the centre's own clock: what came months later would be late beyond policy.
    lately = {"days": 1, "first": timezone.localdate() - timedelta(days=2)}
    straight = taken_back(make_run(**lately))
    monkeypatch.setattr(runs, "Straight", Signed)
    signed = make_run(**lately).play()
    assert signed.check.differences == []
    assert signed.check.digest() == straight.check.digest()


def test_whatever_is_changed_is_noticed(make_run: MakeRun) -> None:
    """The control: a check that finds nothing must find each of these."""
    played: list[tuple[Check, list[str]]] = []
    run = make_run()
    plain = Check.run

    def keep(check: Check, pans: list[str]) -> None:
        played.append((check, pans))
        plain(check, pans)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Check, "run", keep)
        assert run.play().clean
    first, pans = played[0]

    def check_again() -> str:
        check = Check(first.world, expect(first.world.plan))
        check.run(pans)
        return " ".join(difference.what for difference in check.differences)

    assert check_again() == ""
    for statement, noticed in ALTERED_ROWS.items():
        with transaction.atomic():
            alter(statement)
            assert noticed in check_again(), statement
            transaction.set_rollback(True)
    line = int(np.flatnonzero(first.world.plan.verdict == VERDICTS.index("duplicate"))[0])
    first.world.plan.verdict[line] = VERDICTS.index("accepted")
    assert "line" in check_again()
    first.world.plan.verdict[line] = VERDICTS.index("duplicate")
    tap = int(np.flatnonzero(first.world.plan.taps.fault == Fault.LOST)[0])
    first.world.plan.taps.fault[tap] = Fault.NONE
    assert f"card {first.world.plan.taps.card[tap]} counter" in check_again()


def test_expected_rows_are_compared_one_by_one(make_run: MakeRun) -> None:
    outcome = make_run(citizens=8, days=1).play()
    expected = outcome.check.expected
    key = next(iter(expected.turnover))
    purse = expected.purse_fen.copy()
    purse[3] += 1
    runs_of = expected.card_counters
    for changed, noticed in (
        (replace(expected, turnover=expected.turnover | {key: (1, 2)}), f"account {key[1]}"),
        (replace(expected, turnover=expected.turnover | {(0, "9999"): (1, 1)}), "account 9999"),
        (replace(expected, purse_fen=purse), "purse of card 3"),
        (replace(expected, card_counters=replace(runs_of, high=runs_of.high + 1)), "card 0: counters"),
    ):
        check = Check(outcome.check.world, changed)
        check.run(
            list(Card.objects.filter(product_id="simulated").order_by("pan").values_list("pan", flat=True))
        )
        assert any(noticed in difference.what for difference in check.differences), noticed


ALTERED_ROWS = {
    "UPDATE terminals_tap SET amount_fen = amount_fen + 1 WHERE id = (SELECT max(id) FROM terminals_tap)": "amount",
    "UPDATE terminals_tap SET terminal_seq = 99999 WHERE id = (SELECT max(id) FROM terminals_tap)": "sequence",
    "UPDATE terminals_tap SET outcome = 4 WHERE id = (SELECT max(id) FROM terminals_tap)": "line",
    "DELETE FROM terminals_tap WHERE id = (SELECT max(id) FROM terminals_tap)": "line",
    "DELETE FROM terminals_refusal WHERE id = (SELECT max(id) FROM terminals_refusal)": "line",
    "UPDATE terminals_refusal SET code = 'expired' WHERE id = (SELECT max(id) FROM terminals_refusal)": "line",
    "UPDATE accounts_purse SET balance_fen = balance_fen + 1 WHERE id = (SELECT max(id) FROM accounts_purse)": "purse",
    "UPDATE accounts_purse SET offline_seen = offline_seen + '{[900,901)}' WHERE id = (SELECT max(id) FROM accounts_purse)":
        "counters from 900",
    "UPDATE terminals_terminal SET sequences_seen = sequences_seen - '{[2,3)}' WHERE code LIKE 's1-t%'": "terminal",
    "UPDATE accounts_transfer SET amount_fen = amount_fen + 1 WHERE id = (SELECT max(id) FROM accounts_transfer)": "account",
    "UPDATE terminals_batch SET number = 'other' WHERE id = (SELECT max(id) FROM terminals_batch WHERE number LIKE 'sim%')":
        "batch other",
}  # fmt: skip
"""What no service does, and a word of the difference it makes."""


def alter(statement: str) -> None:
    """As the tests' superuser, past the triggers that refuse it."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        assert cursor.rowcount > 0
