"""Cards are held to terminals: what is shown, what is charged, what reaches the centre."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.models import Purse
from citizencard.core.keyservice.keystore import KeyStore
from terminals.card.errors import CardRemoved
from terminals.models import Tap
from terminals.program.errors import CentreRefused, CentreUnavailable
from terminals.program.orders import NO_ORDERS
from terminals.readers.memory import MemoryTransport
from terminals.selectors.invariants import broken
from terminals.services.hotlist import report_loss
from terminals.simulator.chip import Chip
from tests.factories import CLERK, NOON
from tests.terminals.chips import issued_card, loaded_card
from tests.terminals.program.device import Device

pytestmark = pytest.mark.django_db
Install = Callable[..., Device]
FLAT = {"fare_fen": 200}
METRO = {
    "stations": {"0101": "东海", "0103": "西湖"},
    "fares": {"0101-0103": 300, "0101-0101": 0},
    "max_fen": 400,
}
PARKING = {"free_minutes": 15, "step_minutes": 60, "step_fen": 500, "cap_fen": 4000}


class TornSlot(MemoryTransport):
    """Pulls the card at its n-th command, before the chip sees it or after it worked."""

    def __init__(self, chip: Chip, at: int, *, after: bool) -> None:
        super().__init__(chip)
        self._left = at
        self._after = after

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        self._left -= 1
        if self._left > 0:
            return super().transmit(apdu)
        if self._left == 0 and self._after:
            super().transmit(apdu)
        raise CardRemoved("pulled")


def purse_fen(chip: Chip) -> int:
    return chip.state.balance_fen


def test_a_ride_is_charged_shown_and_uploaded(install: Install, demo_keys: KeyStore) -> None:
    card, chip = loaded_card(demo_keys, 1_000)
    bus = install("flat", FLAT)
    result = bus.terminal.tap(MemoryTransport(chip), when=NOON)
    assert result.ok
    assert result.display() == ("交易成功  票款 2.00  余额 8.00", "Paid  fare 2.00  balance 8.00")
    (answer,) = bus.terminal.upload(when=NOON)
    assert (answer["accepted"], answer["problems"]) == (1, [])
    assert Purse.objects.get(card=card).balance_fen == purse_fen(chip) == 800
    assert bus.terminal.upload(when=NOON) == []
    assert broken() == []


def test_an_online_purchase_reaches_the_centre_at_once(install: Install, demo_keys: KeyStore) -> None:
    card, chip = loaded_card(demo_keys, 10_000)
    shop = install("entered", {"max_fen": 100_000}, online=True)
    result = shop.terminal.tap(MemoryTransport(chip), when=NOON, amount_fen=1_230)
    assert (result.ok, result.centre) == (True, "accepted")
    assert Purse.objects.get(card=card).balance_fen == 8_770
    assert shop.terminal.upload(when=NOON) == []


def test_without_a_line_an_online_terminal_goes_on_and_uploads_later(
    install: Install, demo_keys: KeyStore
) -> None:
    _, chip = loaded_card(demo_keys, 10_000)
    shop = install("entered", {"max_fen": 100_000}, online=True)
    shop.line.down = True
    result = shop.terminal.tap(MemoryTransport(chip), when=NOON, amount_fen=100)
    assert (result.ok, result.centre) == (True, None)
    with pytest.raises(CentreUnavailable):
        shop.terminal.upload(when=NOON)
    shop.line.down = False
    assert [answer["accepted"] for answer in shop.terminal.upload(when=NOON)] == [1]


def test_a_batch_whose_answer_was_lost_is_sent_again_as_it_was(install: Install, demo_keys: KeyStore) -> None:
    _, chip = loaded_card(demo_keys, 10_000)
    bus = install("flat", FLAT)
    bus.terminal.tap(MemoryTransport(chip), when=NOON)
    bus.line.down = True
    with pytest.raises(CentreUnavailable):
        bus.terminal.upload(when=NOON)
    bus.restart()
    bus.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(minutes=5))
    bus.line.down = False
    answers = bus.terminal.upload(when=NOON + timedelta(days=1))
    assert [answer["accepted"] for answer in answers] == [1, 1]
    assert answers[0]["batch_no"].startswith("20260302-")


def test_a_refused_batch_does_not_hold_up_the_others(install: Install, demo_keys: KeyStore) -> None:
    _, chip = loaded_card(demo_keys, 10_000)
    bus = install("flat", FLAT)
    record = bus.terminal.tap(MemoryTransport(chip), when=NOON).record
    assert record is not None
    taken = f"20260302-{record.terminal_seq}-{record.terminal_seq}"
    bus.client.post_batch(taken, [])
    with pytest.raises(CentreRefused, match="batch_number_reused"):
        bus.terminal.upload(when=NOON)
    later = NOON + timedelta(minutes=5)
    bus.terminal.tap(MemoryTransport(chip), when=later)
    with pytest.raises(CentreRefused):
        bus.terminal.upload(when=later)
    assert Tap.objects.count() == 1
    assert list(bus.terminal.memory.state.batches) == [taken]


def test_a_metro_trip_costs_what_its_two_stations_cost(install: Install, demo_keys: KeyStore) -> None:
    card, chip = loaded_card(demo_keys, 1_000)
    gate_in = install("pair", METRO, role="entry", stop="0101")
    gate_out = install("pair", METRO, role="exit", stop="0103")
    entry = gate_in.terminal.tap(MemoryTransport(chip), when=NOON)
    assert (entry.ok, entry.reason.code, entry.fare_fen) == (True, "entry", 0)
    out = gate_out.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(minutes=20))
    assert (out.fare_fen, out.balance_fen) == (300, 700)
    assert out.record is not None
    assert out.record.place == "东海→西湖"
    gate_in.terminal.upload(when=NOON)
    gate_out.terminal.upload(when=NOON)
    assert sorted(Tap.objects.values_list("amount_fen", flat=True)) == [0, 300]
    assert Purse.objects.get(card=card).balance_fen == purse_fen(chip)


def test_an_exit_without_entry_costs_the_maximum_once(install: Install, demo_keys: KeyStore) -> None:
    _, chip = loaded_card(demo_keys, 1_000)
    gate = install("pair", METRO, role="exit", stop="0103")
    result = gate.terminal.tap(MemoryTransport(chip), when=NOON)
    assert (result.reason.code, result.fare_fen) == ("max_fare", 400)


def test_a_pair_without_fare_charges_nothing(install: Install, demo_keys: KeyStore) -> None:
    _, chip = loaded_card(demo_keys, 1_000)
    install("pair", METRO, role="entry", stop="0103").terminal.tap(MemoryTransport(chip), when=NOON)
    result = install("pair", METRO, role="exit", stop="0103").terminal.tap(
        MemoryTransport(chip), when=NOON + timedelta(minutes=1)
    )
    assert (result.ok, result.reason.code, purse_fen(chip)) == (False, "no_fare", 1_000)


def test_a_terminal_that_never_fetched_a_tariff_says_so(install: Install, demo_keys: KeyStore) -> None:
    _, chip = loaded_card(demo_keys, 1_000)
    device = install("flat", {"fare_fen": 200})
    device.terminal.orders = NO_ORDERS
    result = device.terminal.tap(MemoryTransport(chip), when=NOON)
    assert (result.ok, result.reason.code, purse_fen(chip)) == (False, "no_tariff", 1_000)


def test_parking_is_charged_by_time_with_one_barrier(install: Install, demo_keys: KeyStore) -> None:
    _, chip = loaded_card(demo_keys, 10_000)
    barrier = install("time", PARKING)
    assert barrier.terminal.tap(MemoryTransport(chip), when=NOON).reason.code == "entry"
    out = barrier.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(minutes=90))
    assert (out.fare_fen, purse_fen(chip)) == (1_000, 9_000)
    assert barrier.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(hours=4)).reason.code == "entry"


def test_a_second_touch_within_the_guard_is_not_charged(install: Install, demo_keys: KeyStore) -> None:
    _, chip = loaded_card(demo_keys, 1_000)
    bus = install("flat", FLAT)
    bus.terminal.tap(MemoryTransport(chip), when=NOON)
    bus.restart()
    retap = bus.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(seconds=10))
    assert (retap.ok, retap.reason.code, retap.fare_fen, purse_fen(chip)) == (True, "retap", 0, 800)
    assert (
        bus.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(seconds=12), again=True).fare_fen == 200
    )
    assert bus.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(minutes=2)).fare_fen == 200
    assert purse_fen(chip) == 400


def test_too_little_money_says_fare_and_balance(install: Install, demo_keys: KeyStore) -> None:
    _, chip = loaded_card(demo_keys, 150)
    result = install("flat", FLAT).terminal.tap(MemoryTransport(chip), when=NOON)
    assert (result.ok, result.reason.code) == (False, "insufficient")
    assert (result.fare_fen, result.balance_fen) == (200, 150)


def test_a_card_on_the_hot_list_is_refused_untouched(install: Install, demo_keys: KeyStore) -> None:
    card, chip = loaded_card(demo_keys, 1_000)
    bus = install("flat", FLAT)
    report_loss(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
    bus.fetch()
    result = bus.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(minutes=1))
    assert (result.ok, result.reason.code, purse_fen(chip)) == (False, "listed", 1_000)


def test_a_lost_card_on_a_terminal_with_an_old_list_is_held_back_by_the_centre(
    install: Install, demo_keys: KeyStore
) -> None:
    card, chip = loaded_card(demo_keys, 1_000)
    shop = install("entered", {"max_fen": 1_000}, online=True)
    report_loss(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
    result = shop.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(minutes=1), amount_fen=100)
    assert (result.ok, result.centre, result.reason.code) == (False, "suspended", "hot_listed")


def test_an_expired_card_is_refused(install: Install, demo_keys: KeyStore) -> None:
    _, chip = issued_card(demo_keys)
    result = install("flat", FLAT).terminal.tap(MemoryTransport(chip), when=NOON.replace(year=2040))
    assert result.reason.code == "expired"


def test_an_empty_reader_and_a_foreign_card_are_no_crash(install: Install) -> None:
    bus = install("flat", FLAT)
    assert bus.terminal.tap(MemoryTransport(), when=NOON).reason.code == "read_error"

    class Foreign:
        def transmit(self, apdu: bytes) -> bytes:
            return b"\x6a\x82"

        def reset(self) -> bytes:
            return b"\x3b\x00"

    assert bus.terminal.tap(MemoryTransport(Foreign()), when=NOON).reason.code == "not_a_card"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 8))
def test_a_card_pulled_anywhere_is_charged_once_when_it_returns(
    install: Install, demo_keys: KeyStore, at: int, after: bool
) -> None:
    """However the card is torn, and with a power cut besides, chip and purse agree after the next touch and upload."""
    card, chip = loaded_card(demo_keys, 1_000)
    bus = install("flat", FLAT)
    bus.terminal.tap(TornSlot(chip, at, after=after), when=NOON)
    bus.restart()
    result = bus.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(seconds=5))
    assert result.ok
    assert purse_fen(chip) == 800
    bus.terminal.upload(when=NOON)
    assert Purse.objects.get(card=card).balance_fen == 800
    assert not bus.terminal.memory.state.unfinished


def test_a_torn_compound_purchase_is_recovered_with_its_trip(install: Install, demo_keys: KeyStore) -> None:
    _, chip = loaded_card(demo_keys, 1_000)
    gate = install("pair", METRO, role="entry", stop="0101")
    torn = False
    for at in range(1, 12):
        result = gate.terminal.tap(TornSlot(chip, at, after=True), when=NOON)
        torn = torn or result.reason.code == "unfinished"
        if torn:
            break
    assert torn
    assert (
        gate.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(seconds=5)).reason.code == "recovered"
    )
    out = install("pair", METRO, role="exit", stop="0103").terminal.tap(
        MemoryTransport(chip), when=NOON + timedelta(minutes=5)
    )
    assert out.fare_fen == 300


def test_a_purchase_whose_proof_is_gone_is_kept_as_grey(install: Install, demo_keys: KeyStore) -> None:
    _, chip = loaded_card(demo_keys, 1_000)
    first, second = install("flat", FLAT), install("flat", FLAT)
    for at in range(1, 12):
        if first.terminal.tap(TornSlot(chip, at, after=True), when=NOON).reason.code == "unfinished":
            break
    second.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(minutes=1))
    first.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(minutes=2))
    assert len(first.terminal.memory.state.greys) == 1
    first.restart()
    assert len(first.terminal.memory.state.greys) == 1
    assert purse_fen(chip) == 400
