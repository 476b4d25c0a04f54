"""A plan is a possible city: nobody is in two places, no chip pays what it has not, and every fault can be noticed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizencard.simulator.chance import Flags, Ints
from citizencard.simulator.faults import Fault
from citizencard.simulator.mischief import by_clock, has_record
from citizencard.simulator.plan import Plan
from citizencard.simulator.uploads import Form
from citizencard.simulator.verdicts import VERDICTS
from citizencard.simulator.visits import DAY_S, GAP_S
from tests.citizencard.simulator.runs import draw

PlanOf = Callable[..., Plan]
HONEST = (Fault.NONE, Fault.LOST, Fault.TORN, Fault.CLOCK, Fault.HOT)


@pytest.fixture(scope="module")
def big(plan_of: PlanOf) -> Plan:
    return plan_of(citizens=4_000, days=7, taps=60_000)


def test_one_seed_is_one_plan(plan_of: PlanOf) -> None:
    assert plan_of().digest() == plan_of().digest()
    others = {
        plan_of(seed=8).digest(),
        plan_of(citizens=21).digest(),
        plan_of(first=date(2026, 3, 3)).digest(),
    }
    assert len(others | {plan_of().digest()}) == 4


def test_the_digest_is_the_one_written_down(plan_of: PlanOf) -> None:
    """On every machine: who repeats a run by its seed must get this city and no other."""
    assert plan_of().digest().startswith(DIGEST)


def test_faults_do_not_change_who_taps_where(plan_of: PlanOf) -> None:
    clean, faulty = (
        plan_of(faults="none").taps,
        plan_of(faults="lost=0.05,cloned=0.01,forged=0.02,late=0.3").taps,
    )
    honest = faulty.only(np.flatnonzero(np.isin(faulty.fault, HONEST)))
    for name in ("card", "device", "at", "amount", "atc", "balance"):
        assert (getattr(clean, name) == getattr(honest, name)).all()


@given(
    citizens=st.integers(1, 60),
    days=st.integers(1, 4),
    seed=st.integers(0, 10**9),
    percent=st.integers(1, 100),
)
def test_every_small_city_is_possible(citizens: int, days: int, seed: int, percent: int) -> None:
    taps = max(1, citizens * days * 12 * percent // 100)
    plan = draw(citizens=citizens, days=days, seed=seed, taps=taps)
    honest = plan.taps.only(np.flatnonzero(np.isin(plan.taps.fault, HONEST)))
    assert len(honest) == taps
    by_card = np.lexsort((honest.atc, honest.card))
    card, atc, at = (column[by_card] for column in (honest.card, honest.atc, honest.at))
    same = card[1:] == card[:-1]
    assert (np.diff(atc)[same] == 1).all()
    assert (np.diff(at)[same] >= GAP_S).all()
    assert honest.balance.min() >= 0
    sequences = np.lexsort((plan.taps.seq, plan.taps.device))
    device, seq = plan.taps.device[sequences], plan.taps.seq[sequences]
    assert (np.diff(seq)[device[1:] == device[:-1]] == 1).all()
    assert (np.diff(plan.taps.at[sequences])[device[1:] == device[:-1]] >= 0).all()
    gone = np.isin(plan.taps.fault, (Fault.LOST, Fault.TORN, Fault.CLOCK, Fault.PULLED))
    pulled = plan.taps.fault == Fault.PULLED
    assert_inner(plan.taps.card[~pulled], plan.taps.atc[~pulled], gone[~pulled])
    assert_inner(plan.taps.device, plan.taps.seq, gone)


def assert_inner(owner: Ints, number: Ints, gone: Flags) -> None:
    """What is missed stands between what arrived, or nobody could know of it."""
    low, high = np.full(int(owner.max()) + 1, 10**9), np.full(int(owner.max()) + 1, -1)
    np.minimum.at(low, owner[~gone], number[~gone])
    np.maximum.at(high, owner[~gone], number[~gone])
    assert (number[gone] > low[owner[gone]]).all()
    assert (number[gone] < high[owner[gone]]).all()


def test_a_chip_holds_what_was_loaded_less_what_was_spent(big: Plan) -> None:
    loaded = np.bincount(big.top_ups.card, big.top_ups.amount)
    honest = big.taps.only(np.flatnonzero(np.isin(big.taps.fault, HONEST)))
    spent = np.bincount(honest.card, honest.amount, minlength=len(loaded))
    order = np.lexsort((honest.atc, honest.card))
    ends = order[np.flatnonzero(np.diff(honest.card[order], append=-1) != 0)]
    assert (honest.balance[ends] == (loaded - spent)[honest.card[ends]]).all()


def test_two_rush_hours_and_a_quiet_weekend(big: Plan) -> None:
    hours = np.bincount(big.taps.at % DAY_S // 3600, minlength=24)
    assert hours[7:9].min() > 2 * hours[13:15].max()
    assert hours[17:19].min() > 2 * hours[13:15].max()
    assert hours[:5].sum() == hours[23] == 0
    days = np.bincount(big.taps.at // DAY_S)
    assert days[5:].max() < 0.8 * days[:5].min()


def test_whoever_enters_the_metro_leaves_it(big: Plan) -> None:
    metro = big.taps.only(np.flatnonzero(big.taps.kind == 9))
    order = np.lexsort((metro.atc, metro.card))
    leaving = metro.start[order] >= 0
    assert not leaving[0::2].any()
    assert leaving[1::2].all()
    roles = [big.layout.devices[device].role for device in metro.device[order].tolist()]
    assert roles == ["entry", "exit"] * (len(roles) // 2)


def test_faults_are_as_many_as_asked_for(big: Plan) -> None:
    counts = {
        fault: int((big.taps.fault == fault).sum())
        for fault in (Fault.LOST, Fault.TORN, Fault.CLOCK, Fault.CLONED)
    }
    assert counts == {Fault.LOST: 60, Fault.TORN: 30, Fault.CLOCK: 12, Fault.CLONED: 18}
    assert (big.taps.fault == Fault.HOT).sum() >= 4


def test_every_record_travels_once_and_copies_are_told_apart(big: Plan) -> None:
    lines = big.traffic.lines
    true_lines = np.bincount(lines.tap[lines.form == Form.TRUE], minlength=len(big.taps))
    assert (true_lines[has_record(big.taps)] >= 1).all()
    assert (true_lines[~has_record(big.taps)] == 0).all()
    duplicates = int((big.verdict == VERDICTS.index("duplicate")).sum())
    clock = big.taps.fault == Fault.CLOCK
    assert true_lines[~clock].sum() - (has_record(big.taps) & ~clock).sum() == duplicates


def test_nothing_arrives_before_it_happened(big: Plan) -> None:
    nights = np.array([upload.day for upload in big.traffic.uploads])
    late = np.array([Fault.LATE in upload.faults for upload in big.traffic.uploads])
    days = big.taps.at[big.traffic.lines.tap] // DAY_S
    arrived = nights[big.traffic.lines.upload]
    assert (arrived >= days).all()
    assert ((arrived > days) == late[big.traffic.lines.upload]).all()
    assert nights.max() == 6


def test_clocks_are_off_by_less_than_a_minute_but_for_the_faulty(big: Plan) -> None:
    off = by_clock(big.taps, big.drift_s) - big.taps.at
    faulty = big.taps.fault == Fault.CLOCK
    assert np.abs(off[~faulty]).max() < 60
    assert off[faulty].min() > 365 * DAY_S


DIGEST = "35d3de98b2c8"
