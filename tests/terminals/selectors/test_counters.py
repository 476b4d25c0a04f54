"""The report finds exactly what was done to the records, and nothing where nothing was done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Card, Purse, TopUpOrder
from terminals.selectors.counters import BalanceLaw, Fault, balance_law, card_faults, terminal_faults
from terminals.services.acceptance import accept_batch
from terminals.services.greys import accept_greys, settle_greys
from terminals.wire.batch import build_batch
from terminals.wire.grey import GreyRecord, build_greys
from terminals.wire.record import TapRecord
from terminals.wire.txn import MEDIA_TYPE as TXN
from terminals.wire.txn import build_txn
from tests.factories import NOON, make_card
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db

Short = tuple[str, int, int, int, int | None]
"""kind, first, last, count, missing_fen."""
CHIP_FEN = 50_000
_numbers = count()


class Chip:
    """A card that pays and is loaded, and remembers what it told."""

    def __init__(self, field: Field, card: Card) -> None:
        self.field, self.card = field, card
        self.balance, self.counter, self.loads = CHIP_FEN, 1, 0
        self.told: list[TapRecord] = []

    def pay(self, amount_fen: int, when: datetime | None = None) -> TapRecord:
        """A purchase; a minute after the one before unless told otherwise."""
        self.balance -= amount_fen
        tap = self.field.tap(
            self.card,
            self.counter,
            amount_fen,
            balance_fen=self.balance,
            occurred_at=when or NOON + timedelta(hours=self.counter),
        )
        self.counter += 1
        self.told.append(tap)
        return tap

    def load(self, amount_fen: int, when: datetime | None = None) -> None:
        """A load that the centre knows of, half an hour after the last purchase unless told otherwise."""
        when = when or NOON + timedelta(hours=self.counter - 1, minutes=30)
        TopUpOrder.objects.bulk_create(
            [
                TopUpOrder(
                    number=f"L{self.card.pk}-{self.loads}",
                    card=self.card,
                    purse=self.card.purse,
                    amount_fen=amount_fen,
                    channel="cash",
                    state="confirmed",
                    actor="test",
                    occurred_at=when,
                    paid_at=when,
                    confirmed_at=when,
                    loaded_at=when,
                    online_atc=self.loads,
                    balance_before_fen=self.balance,
                    proof="counter",
                )
            ]
        )
        self.balance += amount_fen
        self.loads += 1


def hand_in(field: Field, *taps: TapRecord) -> None:
    accept_batch(terminal=field.terminal, body=build_batch(f"B{next(_numbers)}", taps))


def short(faults: list[Fault]) -> list[Short]:
    return [(it.kind, it.first, it.last, it.count, it.missing_fen) for it in faults]


@pytest.fixture
def chip(field: Field) -> Chip:
    return Chip(field, make_card())


def test_honest_records_have_no_fault(field: Field, chip: Chip) -> None:
    for amount in (200, 0, 300):
        chip.pay(amount)
        chip.load(1_000)
    hand_in(field, *chip.told)
    assert card_faults() == terminal_faults() == []
    assert balance_law() == BalanceLaw(1, 300, 300, 0, 0)
    assert balance_law().holds


def test_a_gap_is_named_with_its_sum_and_closes_with_the_late_record(field: Field, chip: Chip) -> None:
    taps = [chip.pay(100 * number) for number in range(1, 7)]
    hand_in(field, taps[0], taps[4], taps[5])
    (gap,) = card_faults()
    assert (gap.kind, gap.subject, gap.number) == ("gap", "card", chip.card.pan)
    assert short([gap]) == [("gap", 2, 4, 3, 900)]
    assert short(terminal_faults()) == [("gap", taps[1].terminal_seq, taps[3].terminal_seq, 3, None)]
    assert balance_law().holds
    assert balance_law().gaps_fen == 900
    hand_in(field, taps[2])
    assert short(card_faults()) == [("gap", 2, 2, 1, 200), ("gap", 4, 4, 1, 400)]
    hand_in(field, taps[1], taps[3])
    assert card_faults() == terminal_faults() == []
    assert balance_law() == BalanceLaw(1, 2_000, 2_000, 0, 0)


def test_since_when_is_the_first_record_beyond_the_gap(field: Field, chip: Chip) -> None:
    first, _lost, third, fourth = (chip.pay(100) for _ in range(4))
    early, late = NOON + timedelta(days=1), NOON + timedelta(days=2)
    for number, tap, when in (("B1", first, early), ("B2", fourth, early), ("B3", third, late)):
        accept_batch(terminal=field.terminal, body=build_batch(number, [tap]), now=when)
    assert [(it.first, it.last, it.since) for it in card_faults()] == [(2, 2, early)]


def test_a_load_within_a_gap_belongs_to_its_sum(field: Field, chip: Chip) -> None:
    first = chip.pay(100)
    chip.load(5_000)
    chip.pay(700)
    chip.load(2_000)
    hand_in(field, first, chip.pay(100))
    assert short(card_faults()) == [("gap", 2, 2, 1, 700)]


def test_a_grey_record_that_was_settled_is_no_gap_and_bounds_one(field: Field, chip: Chip) -> None:
    taps = [chip.pay(amount) for amount in (100, 200, 300, 400)]
    hand_in(field, taps[0], taps[3])
    assert short(card_faults()) == [("gap", 2, 3, 2, 500)]
    accept_greys(terminal=field.terminal, body=build_greys([GreyRecord(taps[2], "no_answer")]))
    assert settle_greys() == 1
    assert short(card_faults()) == [("gap", 2, 2, 1, 200)]
    assert short(terminal_faults()) == [("gap", taps[1].terminal_seq, taps[1].terminal_seq, 1, None)]
    assert balance_law() == BalanceLaw(1, 900, 700, 200, 0)


def test_a_load_we_do_not_know_of_is_money_too_much(field: Field, chip: Chip) -> None:
    first = chip.pay(100)
    chip.balance += 5_000
    hand_in(field, first, chip.pay(100))
    assert short(card_faults()) == [("break", 2, 2, 1, -5_000)]
    law = balance_law()
    assert (law.holds, law.unexplained_fen) == (False, -5_000)


@pytest.mark.parametrize("minutes", [-5, 5])
def test_clocks_that_differ_do_not_move_a_load_to_another_tap(field: Field, chip: Chip, minutes: int) -> None:
    """True order: pay, load, pay, pay; the load's clock says before the first, or after the second."""
    when = NOON + timedelta(hours=1)
    taps = [chip.pay(100, when)]
    chip.load(5_000, when + timedelta(minutes=minutes))
    taps += [chip.pay(100, when + timedelta(minutes=2)), chip.pay(100, when + timedelta(hours=2))]
    hand_in(field, *taps)
    assert card_faults() == []


def test_a_counter_rolled_back_is_found(field: Field, chip: Chip) -> None:
    """A copy of the chip goes on from the second purchase: one number was seen already, another one is new."""
    honest = [chip.pay(100) for _ in range(4)]
    hand_in(field, honest[0], honest[1], honest[3])
    copy = Chip(field, chip.card)
    copy.balance, copy.counter = CHIP_FEN - 200, 3
    late = NOON + timedelta(days=1)
    hand_in(field, copy.pay(50, late), copy.pay(60, late + timedelta(hours=1)))
    assert [it[:3] for it in short(card_faults())] == [
        ("rollback", 3, 3),
        ("break", 4, 4),
        ("conflict", 4, 4),
    ]


@pytest.mark.parametrize("build", [build_batch, build_txn])
def test_a_record_that_came_again_is_named_by_card_and_terminal(
    field: Field, chip: Chip, build: Callable[..., bytes]
) -> None:
    tap = chip.pay(100)
    media_type = TXN if build is build_txn else "application/x-ndjson"
    for number in ("B1", "B2", "B3"):
        accept_batch(terminal=field.terminal, body=build(number, [tap]), media_type=media_type)
    assert short(card_faults()) == [("duplicate", 1, 1, 2, None)]
    (again,) = terminal_faults()
    assert (again.number, again.first, again.count) == (field.terminal.code, tap.terminal_seq, 2)


def test_one_card_and_one_terminal_alone(field: Field, chip: Chip) -> None:
    other = Chip(field, make_card())
    for each in (chip, other):
        taps = [each.pay(100) for _ in range(3)]
        hand_in(field, taps[0], taps[2], taps[0])
    assert len(card_faults()) == 4
    assert {it.number for it in card_faults(cards=[other.card.pk])} == {other.card.pan}
    assert card_faults(cards=[]) == terminal_faults(terminals=[]) == []
    assert len(card_faults(limit=1)) == 1


class _Undo(Exception):
    pass


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amounts=st.lists(st.integers(0, 900), min_size=3, max_size=12),
    loads=st.sets(st.integers(0, 11), max_size=4),
    data=st.data(),
)
def test_exactly_the_faults_that_were_made_are_found(
    field: Field, card: Card, amounts: list[int], loads: set[int], data: st.DataObject
) -> None:
    """Taps are lost, handed in twice and in any order; the first and the last arrive, or nobody could know of them."""
    inner = range(1, len(amounts) - 1)
    lost = data.draw(st.sets(st.sampled_from(inner)), "lost")
    twice = data.draw(
        st.lists(st.sampled_from([at for at in range(len(amounts)) if at not in lost])), "twice"
    )
    kept = [at for at in range(len(amounts)) if at not in lost]
    order = data.draw(st.permutations([*kept, *twice]), "order")
    try:
        with transaction.atomic():
            chip = Chip(field, card)
            for at, amount in enumerate(amounts):
                chip.pay(amount)
                if at in loads:
                    chip.load(1_000)
            middle = len(order) // 2
            for part in (order[:middle], order[middle:]):
                hand_in(field, *(chip.told[at] for at in part))
            assert sorted(short(card_faults(cards=[card.pk]))) == expected(amounts, lost, twice)
            assert balance_law(cards=[card.pk]).holds
            assert balance_law(cards=[card.pk]).gaps_fen == sum(amounts[at] for at in lost)
            raise _Undo
    except _Undo:
        pass


def expected(amounts: list[int], lost: set[int], twice: list[int]) -> list[Short]:
    """The same, worked out one by one; the chip's counters start at 1."""
    found: list[Short] = [("duplicate", at + 1, at + 1, twice.count(at), None) for at in set(twice)]
    for at in sorted(lost):
        if at - 1 in lost:
            kind, first, last, count, fen = found.pop()
            found.append((kind, first, last + 1, count + 1, (fen or 0) + amounts[at]))
        else:
            found.append(("gap", at + 1, at + 1, 1, amounts[at]))
    return sorted(found)


def test_the_purse_is_untouched_by_reading(field: Field, chip: Chip) -> None:
    hand_in(field, chip.pay(100), chip.pay(100))
    before = list(Purse.objects.values())
    card_faults()
    balance_law()
    assert list(Purse.objects.values()) == before
