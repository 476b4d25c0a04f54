"""Parsers of chip data and of messages: typed errors only, and what is read can be written and read again."""

from __future__ import annotations

import importlib
import json
import pkgutil
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, Final, cast

from cryptography.hazmat.primitives.asymmetric import ec

import terminals.card
from terminals.bridge.desk import Desk
from terminals.bridge.errors import BridgeError
from terminals.bridge.messages import Message, pack
from terminals.card import eid, identity, plain, tlv
from terminals.card.apdu import Command, error_for
from terminals.card.compound import parse_compound
from terminals.card.errors import CardError, FormatError
from terminals.card.files import Fci
from terminals.card.layout import Layout
from terminals.simulator import framing
from terminals.wire import txn
from terminals.wire.errors import RecordError
from terminals.wire.record import TapRecord
from terminals.wire.trip import Trip
from terminals.wire.upload import Lines, split_batch
from tests.fuzz.target import Target, hold
from tests.terminals.cards import CARD_CA, public_info

for _module in pkgutil.iter_modules(terminals.card.__path__):
    importlib.import_module(f"terminals.card.{_module.name}")


def _layouts(base: type[Layout]) -> Iterator[type[Layout]]:
    for layout in base.__subclasses__():
        # A dataclass with slots is made twice; the first attempt lingers.
        if getattr(importlib.import_module(layout.__module__), layout.__name__, None) is layout:
            yield layout
        yield from _layouts(layout)


LAYOUTS: Final = sorted(set(_layouts(Layout)), key=lambda layout: layout.__name__)
"""Every declared file, record and message of a chip."""

FCI: Final = Fci(b"purse", 2, public_info().to_bytes())


def read_tlv(data: bytes) -> None:
    """Data objects and the answer to SELECT."""
    for tag, value in tlv.parse(data):
        hold("a data object is no longer than its input", len(value) < len(data))
        tlv.build(tag, value)
    fci = Fci.parse(data)
    hold("an FCI survives being written", Fci.parse(fci.to_bytes()) == fci)
    plain.attempt(lambda: fci.public_info)


def read_apdu(data: bytes) -> None:
    """A command as a chip receives it."""
    command = Command.parse(data)
    hold("a command survives being written", Command.parse(command.to_bytes()) == command)
    hold("a command is as it came", command.to_bytes() == data)
    str(error_for(command, int.from_bytes(data[-2:])))


def read_layout(data: bytes) -> None:
    """The first byte chooses the layout, the rest is its content."""
    if not data:
        return
    layout, content = LAYOUTS[data[0] % len(LAYOUTS)], data[1:]
    json.dumps(
        [plain.parsed(plain.whole(layout), content), plain.log_entry(content), plain.trip_entry(content)]
    )
    for parse in (layout.parse, parse_compound):
        try:
            record: Any = parse(content)
        except FormatError:
            continue
        hold(f"{type(record).__name__} survives being written", parse(record.to_bytes()) == record)


def _layout_seeds() -> Iterator[bytes]:
    for at, layout in enumerate(LAYOUTS):
        yield bytes([at]) + bytes(layout.length())
        yield bytes([at]) + bytes.fromhex("20261121083015" * layout.length())[: layout.length()]


def read_certificate(data: bytes) -> None:
    """A card's certificate and public key, as its identity answers them."""
    for parse in (eid.der_length, eid.public_key_in):
        with suppress(FormatError):
            parse(data)
    certificate = identity.CardCertificate.parse(data)
    with suppress(CardError):
        certificate.verify_issuer([CARD_CA.certificate()])
    with suppress(CardError):
        certificate.verify_answer(bytes(eid.CHALLENGE_BYTES), bytes(eid.SIGNATURE_BYTES))


def _certificate_seeds() -> Iterator[bytes]:
    point = identity.point_of(ec.derive_private_key(7, ec.SECP256R1()).public_key())
    yield CARD_CA.issue(bytes(8), point, date(2026, 1, 1), date(2036, 1, 1))
    yield CARD_CA.certificate()
    yield point


def read_batch(data: bytes) -> None:
    """A terminal's upload, and its first line as a record by itself."""
    head, _, rest = data.partition(b"\n")
    for line in (head, rest):
        try:
            record = TapRecord.from_json(line.decode("utf-8", "replace"))
        except CardError:
            continue
        hold("a record survives being written", TapRecord.from_json(record.to_json()) == record)
    _hold_lines(split_batch(data).lines, TapRecord.from_json)


def read_txn(data: bytes) -> None:
    """A depot's file in fixed columns."""
    lines = split_batch(data, txn.MEDIA_TYPE).lines
    _hold_lines(lines, partial(txn.read_record, columns=txn.VERSIONS[data[:3].decode()]))


def read_trip(data: bytes) -> None:
    """What a fare is told of a ride."""
    text = data.decode("utf-8", "replace")
    hold("a trip survives being written", str(Trip.parse(text)) == text)


def _trip_seeds() -> Iterator[bytes]:
    yield b"in:S1@K1"
    yield b"out:S07:S02:20260302113000@K1"
    yield b"out:0:?:?"
    yield b"meter:12300:95:20260302113000"


def _hold_lines(lines: Lines, read: Callable[[str], TapRecord]) -> None:
    for number in range(2, len(lines) + 2):
        line = lines.line(number)
        try:
            same = line.record == read(line.text)
        except RecordError as error:
            same = line.error is not None and (line.error.field, line.error.rule) == (error.field, error.rule)
        hold("a line among others is what it is alone", same)


def _batch_seeds() -> Iterator[bytes]:
    record = (
        '{"terminal_no":"362000000017","terminal_seq":7,"card_no":"3105883700000000123","atc":1,"type":6,"amount_fen":200,'
        '"balance_fen":800,"occurred_at":"2026-11-21T08:30:15+08:00","tac":"0A1B2C3D","key_version":1,"place":"1路"}'
    )
    yield f'{{"batch_no":"b-1","count":1,"total_fen":200}}\n{record}\n'.encode()
    yield record.encode()
    ride = record[:-1] + ',"trip":"out:S07:S02:20260302113000@K1"}'
    yield f'{{"batch_no":"b-3","count":2,"total_fen":400}}\n{ride}\n{record}\n'.encode()
    yield b'{"batch_no":"b-2","count":0,"total_fen":0}\n'


def _txn_seeds() -> Iterator[bytes]:
    record = next(_batch_seeds()).splitlines()[1].decode()
    yield txn.build_txn("b-1", [TapRecord.from_json(record)])
    yield txn.build_txn("b-3", [replace(TapRecord.from_json(record), trip="out:S07:S02:20260302113000@K1")])
    yield txn.build_txn("b-2", [])


class HeardSocket:
    """A connection on which these bytes come in, and then nothing more."""

    def __init__(self, data: bytes) -> None:
        self._rest = data
        self.sent = b""

    def recv(self, size: int) -> bytes:
        part, self._rest = self._rest[:size], self._rest[size:]
        return part

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def setsockopt(self, *options: int) -> None:
        """Nothing to set."""

    def settimeout(self, seconds: float | None) -> None:
        """Nothing to wait for."""


class _EchoChip:
    ATR = b";"

    def transmit(self, apdu: bytes) -> bytes:
        hold(
            "an APDU is longer than a control message",
            len(apdu) > 1 or apdu not in (b"\x00", b"\x01", b"\x02", b"\x04"),
        )
        return apdu[:256] + b"\x90\x00"

    def reset(self) -> bytes:
        return self.ATR


def read_frames(data: bytes) -> None:
    """The line of a virtual reader: vpcd's and our own TCP one."""
    heard = HeardSocket(data)
    connection = cast("socket.socket", heard)
    while message := framing.receive(connection):
        framing.send(connection, framing.answer(_EchoChip(), message))
    hold("answers are not longer than questions", len(heard.sent) <= 6 * len(data))


class _OneReader:
    """Readers of a PC with one card in it."""

    def slots(self) -> list[Any]:
        return []

    def open(self, wanted: str, wait_seconds: float) -> tuple[str, Any]:
        hold("waiting is bounded", 0 <= wait_seconds <= 60)
        return wanted, _EchoTransport()

    def close(self) -> None:
        """Nothing to let go."""


class _EchoTransport:
    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        hold("only APDUs reach the card", 4 <= len(apdu) <= 261)
        return apdu, 0x9000

    def reset(self) -> bytes:
        return b";"

    def close(self) -> None:
        """Nothing to let go."""


def read_bridge(data: bytes) -> None:
    """Messages between the card bridge and its server, one a line; the agent does what it is asked."""
    desk = Desk(cast("Any", _OneReader()), lambda told: hold("what is said is printable", told.isprintable()))
    for line in data.split(b"\n"):
        try:
            message = Message.unpack(line)
            message.slots("readers") if "readers" in message else json.dumps(desk.answer(message))
        except BridgeError:
            continue


def _bridge_seeds() -> Iterator[bytes]:
    opened = pack(id=1, do="open", reader="Reader 0", wait_ms=100, actor="clerk", purpose="load")
    yield "\n".join(
        [opened, pack(id=2, do="transmit", apdu="00A4000000"), pack(id=3, do="reset"), pack(do="close")]
    ).encode()
    yield pack(readers=[{"name": "Reader 0", "atr": "3B00"}, {"name": "Reader 1", "atr": None}]).encode()


PARSERS: Final = (
    Target("tlv", read_tlv, lambda: [FCI.to_bytes(), tlv.build(0x9F0C, bytes(200))], (FormatError,)),
    Target(
        "apdu",
        read_apdu,
        lambda: [b"\x00\xa4\x04\x00\x02AB\x00", b"\x00\x84\x00\x00\x08", b"\x80\x54\x01\x00"],
        (FormatError,),
    ),
    Target("layouts", read_layout, _layout_seeds, (FormatError,)),
    Target("certificate", read_certificate, _certificate_seeds, (FormatError,)),
    Target("batch", read_batch, _batch_seeds, (CardError,)),
    Target("txn", read_txn, _txn_seeds, (CardError,)),
    Target("trip", read_trip, _trip_seeds, (CardError,)),
    Target("framing", read_frames, lambda: [b"\x00\x01\x04\x00\x05\x00\x84\x00\x00\x08\x00\x01\x00"]),
    Target("bridge", read_bridge, _bridge_seeds),
)
