"""The vpcd client against a stand-in for the driver: one listening socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from terminals.simulator.chip import Chip
from terminals.simulator.vpcd import VpcdSlot

SECONDS = 5.0


class Driver:
    """The driver's side of one slot."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(SECONDS)
        self.port: int = self.listener.getsockname()[1]

    def accept(self) -> None:
        self.card, _ = self.listener.accept()
        self.card.settimeout(SECONDS)

    def send(self, *messages: str) -> None:
        for message in messages:
            body = bytes.fromhex(message)
            self.card.sendall(len(body).to_bytes(2) + body)

    def receive(self) -> bytes:
        length = int.from_bytes(self.card.recv(2))
        return self.card.recv(length) if length else b""

    def close(self) -> None:
        self.listener.close()
        self.card.close()


@pytest.fixture
def driver() -> Iterator[Driver]:
    driver = Driver()
    yield driver
    driver.close()


def test_power_atr_and_commands(driver: Driver, chip: Chip) -> None:
    with VpcdSlot(0, first_port=driver.port) as slot:
        slot.insert(chip)
        driver.accept()
        driver.send("01", "04")
        assert driver.receive() == Chip.ATR
        driver.send("00B0850008")
        assert driver.receive() == b"CHIP0001\x90\x00"
        driver.send("00A4040008A00000063201010500")
        assert driver.receive()[-2:] == b"\x90\x00"
        driver.send("02", "00B0850008")
        assert driver.receive() == b"CHIP0001\x90\x00"


def test_asking_for_the_atr_does_not_reset(driver: Driver, chip: Chip) -> None:
    with VpcdSlot(0, first_port=driver.port) as slot:
        slot.insert(chip)
        driver.accept()
        driver.send("00A4040008A00000063201010500", "04", "805C000204")
        assert driver.receive()[-2:] == b"\x90\x00"
        assert driver.receive() == Chip.ATR
        assert driver.receive() == bytes(4) + b"\x90\x00"


def test_a_message_may_arrive_in_pieces(driver: Driver, chip: Chip) -> None:
    with VpcdSlot(0, first_port=driver.port) as slot:
        slot.insert(chip)
        driver.accept()
        for piece in ("00", "05", "00B085", "0008"):
            driver.card.sendall(bytes.fromhex(piece))
        assert driver.receive() == b"CHIP0001\x90\x00"


def test_pulling_closes_the_line_and_inserting_opens_it_again(driver: Driver, chip: Chip) -> None:
    with VpcdSlot(0, first_port=driver.port) as slot:
        slot.insert(chip)
        driver.accept()
        slot.remove()
        assert driver.receive() == b""
        driver.card.close()
        slot.insert(chip)
        driver.accept()
        driver.send("04")
        assert driver.receive() == Chip.ATR


def test_the_chip_comes_back_when_the_driver_does(driver: Driver, chip: Chip) -> None:
    with VpcdSlot(0, first_port=driver.port) as slot:
        slot.insert(chip)
        driver.accept()
        driver.card.close()
        driver.accept()
        driver.send("04")
        assert driver.receive() == Chip.ATR


def test_nobody_listening_is_said_within_the_time_given(chip: Chip) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with VpcdSlot(0, first_port=port) as slot, pytest.raises(TimeoutError, match=str(port)):
        slot.insert(chip, timeout=0.3)
