"""A chip on a TCP port, spoken to with nothing but a socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from terminals.simulator.chip import Chip
from terminals.simulator.tcp import TcpSlot

SECONDS = 5.0
SELECT = bytes.fromhex("00A4040008A00000063201010500")
BALANCE = bytes.fromhex("805C000204")


class Line:
    """A stranger's program."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)

    def send(self, body: bytes) -> None:
        self.socket.sendall(len(body).to_bytes(2) + body)

    def receive(self) -> bytes:
        with self.socket.makefile("rb") as stream:
            return stream.read(int.from_bytes(stream.read(2)))

    def ask(self, body: bytes) -> bytes:
        self.send(body)
        return self.receive()


@pytest.fixture
def slot(chip: Chip) -> Iterator[TcpSlot]:
    with TcpSlot(chip) as slot:
        yield slot


def test_atr_and_commands(slot: TcpSlot) -> None:
    line = Line(slot.port)
    assert line.ask(b"\x04") == Chip.ATR
    assert line.ask(SELECT)[-2:] == b"\x90\x00"
    assert line.ask(BALANCE) == bytes(4) + b"\x90\x00"


@pytest.mark.parametrize("power", [b"\x00", b"\x01", b"\x02"])
def test_a_change_of_power_is_not_answered_and_resets(slot: TcpSlot, power: bytes) -> None:
    line = Line(slot.port)
    line.ask(SELECT)
    line.send(power)
    assert line.ask(BALANCE) == bytes.fromhex("6985")


def test_coming_back_is_coming_back_into_the_field(slot: TcpSlot) -> None:
    line = Line(slot.port)
    line.ask(SELECT)
    line.socket.close()
    assert Line(slot.port).ask(BALANCE) == bytes.fromhex("6985")


def test_a_message_may_arrive_in_pieces(slot: TcpSlot) -> None:
    line = Line(slot.port)
    for piece in ("00", "05", "00B085", "0008"):
        line.socket.sendall(bytes.fromhex(piece))
    assert line.receive() == b"CHIP0001\x90\x00"


def test_the_next_program_waits_for_its_turn(slot: TcpSlot) -> None:
    first, second = Line(slot.port), Line(slot.port)
    first.ask(SELECT)
    second.send(BALANCE)
    assert first.ask(BALANCE)[-2:] == b"\x90\x00"
    first.socket.close()
    assert second.receive() == bytes.fromhex("6985")


def test_a_program_that_breaks_off_in_mid_message_does_no_harm(slot: TcpSlot) -> None:
    line = Line(slot.port)
    line.socket.sendall(bytes.fromhex("00FF00"))
    line.socket.close()
    assert Line(slot.port).ask(b"\x04") == Chip.ATR


def test_closing_pulls_the_chip_from_whoever_holds_it(chip: Chip) -> None:
    with TcpSlot(chip) as slot:
        line = Line(slot.port)
        line.ask(SELECT)
    assert line.receive() == b""
    with pytest.raises(OSError, match="refused"):
        Line(slot.port)


def test_a_port_taken_is_said(slot: TcpSlot, chip: Chip) -> None:
    with pytest.raises(OSError, match="in use"):
        TcpSlot(chip, slot.port)
