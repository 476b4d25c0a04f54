"""Chips that contradict themselves or the books: at the threshold nothing is found, one beyond it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Card, RiskRule
from citizencard.core.calendar import cut_off
from citizencard.core.keyservice.keystore import KeyStore
from terminals.models import Tap
from tests.accounts.chip import Chip
from tests.accounts.refunds.stories import approved, publish, shown
from tests.factories import NOON, make_order
from tests.fixtures_accounts import TODAY
from tests.terminals.chips import loaded_card
from tests.terminals.risk.town import Town, figures_by, found_by, rider

pytestmark = pytest.mark.django_db


def test_two_purchases_under_one_counter(town: Town, card: Card) -> None:
    town.tap(card, 0, "bus1")
    town.tap(card, 1, "bus1", 5)
    assert found_by(RiskRule.CONFLICT, look_back_days=3) == []
    town.tap(card, 1, "shop", 60, amount_fen=700)
    (alert,) = found_by(RiskRule.CONFLICT, look_back_days=3)
    assert alert.facts["figures"] == {"counter": 1, "counters": 1}
    assert {Tap.objects.get(id=pk).amount_fen for _day, pk in alert.facts["evidence"]["taps"]} == {200, 700}


def test_a_conflict_with_yesterday_shows_both(town: Town, card: Card) -> None:
    town.tap(card, 0)
    cut_off(TODAY)
    town.tap(card, 0, "shop", 60, amount_fen=700)
    tomorrow = TODAY + timedelta(days=1)
    assert found_by(RiskRule.CONFLICT, look_back_days=1) == []
    (alert,) = found_by(RiskRule.CONFLICT, day=tomorrow, look_back_days=1)
    assert [day for day, _id in alert.facts["evidence"]["taps"]] == [TODAY.isoformat(), tomorrow.isoformat()]
    (blind,) = found_by(RiskRule.CONFLICT, day=tomorrow, look_back_days=0)
    assert len(blind.facts["evidence"]["taps"]) == 1


def test_a_counter_that_runs_backwards(town: Town) -> None:
    case_of = {}
    for minutes in (-1, 0, 10, 11):
        case_of[card := rider()] = str(minutes)
        town.tap(card, 5, seconds=minutes * 60)
        town.tap(card, 6, seconds=0)
    case_of[gapped := rider()] = "across a gap"
    town.tap(gapped, 2, seconds=11 * 60)
    town.tap(gapped, 9, seconds=0)
    found = figures_by(case_of, found_by(RiskRule.ROLLBACK, tolerance_minutes=10, look_back_days=1))
    assert found == {
        "11": {"counter": 6, "before": 5, "minutes": 11},
        "across a gap": {"counter": 9, "before": 2, "minutes": 11},
    }


def test_a_counter_that_jumps(town: Town) -> None:
    """Ten are missing before the first, eleven before the second; the third began at eleven."""
    case_of = {}
    for name, atcs in {
        "ten": [0, 11],
        "eleven": [0, 12],
        "begins at eleven": [11],
        "no gap": [0, 1, 2],
    }.items():
        case_of[card := rider()] = name
        for second, atc in enumerate(atcs):
            town.tap(card, atc, seconds=second)
    found = figures_by(case_of, found_by(RiskRule.JUMP, counters_max=10))
    assert found == {
        "eleven": {"counter": 12, "expected": 1, "missing": 11},
        "begins at eleven": {"counter": 11, "expected": 0, "missing": 11},
    }
    cut_off(TODAY)
    assert found_by(RiskRule.JUMP, day=TODAY + timedelta(days=1), counters_max=10) == []


def test_more_on_the_chip_than_in_the_books(town: Town) -> None:
    """Books 500 yuan, spent 2: the chip may show 498, and less where taps have not arrived."""
    case_of = {}
    for name, balance_fen in {"right": 49_800, "less": 10_000, "a fen": 49_801}.items():
        case_of[card := rider()] = name
        town.tap(card, 0, balance_fen=balance_fen)
    found = figures_by(case_of, found_by(RiskRule.ABOVE_BOOKS, fen_max=0))
    assert found == {
        "a fen": {
            "chip_fen": 49_801,
            "books_fen": 49_800,
            "claimed_fen": 0,
            "loading_fen": 0,
            "excess_fen": 1,
        }
    }
    assert found_by(RiskRule.ABOVE_BOOKS, fen_max=1) == []


def test_what_was_paid_beyond_the_books_counts(town: Town) -> None:
    """Ten yuan in the books, twelve paid, three left: five nobody loaded."""
    poor = rider(1_000)
    town.tap(poor, 0, amount_fen=1_200, balance_fen=300)
    (alert,) = found_by(RiskRule.ABOVE_BOOKS, fen_max=0)
    assert alert.facts["figures"]["excess_fen"] == 500
    assert found_by(RiskRule.ABOVE_BOOKS, fen_max=500) == []


def test_only_the_newest_word_of_the_chip_counts(town: Town, card: Card) -> None:
    """A late record shows what the chip had then; a closed card's purse is empty, and its chip is not."""
    town.tap(card, 1, seconds=60, balance_fen=49_600)
    town.tap(card, 0, seconds=0, balance_fen=49_800)
    publish(card.product)
    town.tap(gone := rider(), 0, balance_fen=49_800)
    approved(gone, chip=shown(49_800, atc=1))
    assert found_by(RiskRule.ABOVE_BOOKS, fen_max=0) == []


def test_a_load_under_way_explains_a_balance(town: Town, demo_keys: KeyStore) -> None:
    card, _chip = loaded_card(demo_keys, 5_000)
    order = make_order(card=card, amount_fen=2_000)
    from accounts.services import topup
    from tests.factories import CLERK

    order = topup.receive_cash(order=order, actor=CLERK)
    chip = Chip(demo_keys, card, balance_fen=5_000)
    chip.online_atc = 1
    topup.authorise_load(order=order, when=NOON, **chip.initialise(2_000))
    town.tap(card, 0, seconds=60, balance_fen=6_800)
    assert found_by(RiskRule.ABOVE_BOOKS, fen_max=0) == []
    town.tap(card, 1, seconds=90, balance_fen=6_601)
    (alert,) = found_by(RiskRule.ABOVE_BOOKS, fen_max=0)
    assert alert.facts["figures"]["loading_fen"] == 2_000


def test_a_balance_that_rose_by_itself(town: Town) -> None:
    """From 498 yuan a purchase of 2 leads to 496: what is more came from somewhere."""
    case_of = {}
    for name, balance_fen in {"right": 49_600, "one missing between": 49_400, "a fen": 49_601}.items():
        case_of[card := rider()] = name
        town.tap(card, 0, balance_fen=49_800)
        town.tap(card, 1, seconds=60, balance_fen=balance_fen)
    case_of[gapped := rider()] = "across a gap"
    town.tap(gapped, 0, balance_fen=10_000)
    town.tap(gapped, 7, seconds=60, balance_fen=9_900)
    values = {"tolerance_minutes": 15, "look_back_days": 1}
    found = figures_by(case_of, found_by(RiskRule.UNEXPLAINED, fen_max=0, **values))
    assert found == {
        "a fen": {"risen_fen": 1, "loaded_fen": 0, "excess_fen": 1},
        "across a gap": {"risen_fen": 100, "loaded_fen": 0, "excess_fen": 100},
    }
    assert set(figures_by(case_of, found_by(RiskRule.UNEXPLAINED, fen_max=1, **values))) == {"across a gap"}
    assert found_by(RiskRule.UNEXPLAINED, fen_max=100, **values) == []


def test_a_top_up_explains_a_rise(town: Town, demo_keys: KeyStore) -> None:
    """Loaded at noon: it explains a rise between taps up to the clocks' difference away."""
    card, _chip = loaded_card(demo_keys, 5_000)
    town.tap(card, 0, balance_fen=100, when=NOON - timedelta(hours=2))
    town.tap(card, 1, balance_fen=4_900, when=NOON + timedelta(minutes=1))
    values = {"fen_max": 0, "look_back_days": 1}
    assert found_by(RiskRule.UNEXPLAINED, tolerance_minutes=0, **values) == []
    town.tap(card, 2, balance_fen=9_700, when=NOON + timedelta(minutes=2))
    assert found_by(RiskRule.UNEXPLAINED, tolerance_minutes=1, **values) == []
    (alert,) = found_by(RiskRule.UNEXPLAINED, tolerance_minutes=0, **values)
    assert alert.facts["figures"] == {"risen_fen": 5_000, "loaded_fen": 0, "excess_fen": 5_000}
