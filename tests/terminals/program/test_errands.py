"""What else a waiting terminal does, typed or scanned: ride codes, the balance of a card, top-ups that wait for it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import Card, Purse
from accounts.services.topup import receive_cash
from citizencard.core.keyservice.keystore import KeyStore
from settlement.selectors.audit import broken_invariants
from terminals.models import Ride
from terminals.program.console import Console
from terminals.program.keypad import Keypad
from terminals.program.ride_codes import TOLERANCE
from terminals.readers.memory import MemoryTransport
from terminals.services.ride_codes import issue_ride_code
from terminals.simulator.chip import Chip
from tests.factories import CLERK, NOON, make_card, make_order, make_product
from tests.terminals.chips import PIN, loaded_card, paid_order
from tests.terminals.program.device import Device

pytestmark = pytest.mark.django_db
FARE = 200


class Counter:
    """A terminal with its keypad; `typed` and `laid` give what the display showed."""

    def __init__(self, device: Device) -> None:
        self.device, self.now = device, NOON
        self.device.fetch()
        self.switch_on()

    def switch_on(self) -> None:
        self.stream = io.StringIO()
        self.keypad = Keypad(self.device.terminal, Console(self.stream, as_json=True), self.clock)

    def clock(self) -> datetime:
        return self.now

    def typed(self, line: str) -> dict[str, Any]:
        self.keypad.type(line)
        shown = self.stream.getvalue().splitlines()
        return json.loads(shown[-1]) if shown else {}

    def laid(self, chip: Chip, *lines: str) -> dict[str, Any]:
        for line in lines:
            self.keypad.type(line)
        return self.keypad.serve(MemoryTransport(chip)).to_dict()


@pytest.fixture
def bus(install: Callable[..., Device]) -> Counter:
    return Counter(install("flat", {"fare_fen": FARE}, channel="bus"))


@pytest.fixture
def wallet(open_day: object) -> Card:
    card = make_card(product=make_product(code="plain", price_fen=0, deposit_fen=0, account_limit_fen=50_000))
    receive_cash(order=make_order(card=card, amount_fen=300, purse_kind="account"), actor=CLERK)
    return card


def code_of(result: dict[str, Any]) -> str:
    return str(result["reason"]["code"])


def test_a_scanned_code_rides_without_a_line_once_and_is_told_later(bus: Counter, wallet: Card) -> None:
    text = issue_ride_code(card=wallet, now=NOON).text
    bus.device.line.down = True
    paid = bus.typed(text)
    assert (code_of(paid), paid["fare_fen"], paid["card_no"]) == ("accepted", FARE, wallet.pan)
    assert paid["display"] == ["交易成功  票款 2.00", "Paid  fare 2.00"]
    assert code_of(bus.typed(f"ride {text}")) == "qr_replayed"
    bus.device.restart()  # what was let through is in the journal, and so is the code
    bus.switch_on()
    assert code_of(bus.typed(text)) == "qr_replayed"
    assert bus.typed("status")["rides"] == 1
    bus.device.line.down = False
    bus.device.terminal.upload(when=NOON)
    assert bus.typed("status")["rides"] == 0
    assert (Ride.objects.get().amount_fen, Purse.objects.get(card=wallet, kind="account").balance_fen) == (
        FARE,
        100,
    )
    assert broken_invariants() == []


def test_what_a_code_is_not_good_for_is_told_and_uses_nothing_up(
    install: Callable[..., Device], wallet: Card
) -> None:
    till = Counter(install("entered", {"max_fen": 100_000}, channel="shop"))
    text = issue_ride_code(card=wallet, now=NOON).text
    till.keypad.type("amount 3.01")
    assert code_of(till.typed(text)) == "qr_over"
    till.now = NOON + timedelta(seconds=60) + TOLERANCE
    till.keypad.type("amount 3")
    assert code_of(till.typed(text)) == "qr_expired"
    till.now = NOON
    till.keypad.type("amount 3")
    assert code_of(till.typed(text)) == "accepted"
    assert code_of(till.typed("CC1.xyz")) == "no_fare"  # no amount was entered
    till.keypad.type("amount 1")
    assert code_of(till.typed("CC1.xyz")) == "qr_format"
    gate = Counter(
        install("pair", {"stations": {"0101": "a"}, "fares": {"0101-0101": 0}, "max_fen": 1}, channel="metro")
    )
    assert code_of(gate.typed(issue_ride_code(card=wallet, now=NOON).text)) == "no_fare"


def test_a_journey_out_of_service_takes_no_code(bus: Counter, wallet: Card) -> None:
    bus.typed("out reader broken")
    assert code_of(bus.typed(issue_ride_code(card=wallet, now=NOON).text)) == "free_ride"
    assert bus.typed("status")["rides"] == 0


def test_a_waiting_top_up_goes_onto_the_card(bus: Counter, demo_keys: KeyStore) -> None:
    card, chip = loaded_card(demo_keys, 1_000)
    paid_order(card, 700)
    shown = bus.laid(chip, "balance")
    assert (code_of(shown), shown["balance_fen"], shown["fare_fen"]) == ("balance", 1_000, None)
    told = bus.laid(chip, f"balance {PIN}")
    assert (told["balance_fen"], told["explanation"]["en"]) == (1_000, "waiting for the card 7.00")
    assert code_of(bus.laid(chip, "load 654321")) == "wrong_pin"
    bus.device.line.down = True
    assert code_of(bus.laid(chip, f"load {PIN}")) == "no_line"
    bus.device.line.down = False
    done = bus.laid(chip, f"load {PIN}")
    assert (code_of(done), done["balance_before_fen"], done["balance_fen"]) == ("loaded", 1_000, 1_700)
    assert done["display"] == ["圈存成功  余额 17.00", "Top-up is on the card  balance 17.00"]
    assert code_of(bus.laid(chip, f"load {PIN}")) == "nothing_waits"
    assert code_of(bus.laid(chip)) == "accepted"  # one errand is for one card
    assert Purse.objects.get(card=card, kind="chip").balance_fen == 1_700
