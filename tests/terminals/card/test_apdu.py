from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.card.apdu import (
    ApduError,
    ApplicationBlocked,
    Command,
    InsufficientBalance,
    MacRejected,
    PermanentlyLocked,
    ProofNotAvailable,
    RecordNotFound,
    VerificationFailed,
    WrongPin,
    error_for,
)
from terminals.card.errors import FormatError
from terminals.card.status import StatusWord, describe

byte = st.integers(0, 255)
commands = st.builds(
    Command, byte, byte, byte, byte, st.binary(max_size=255), st.none() | st.integers(0, 255)
)


@pytest.mark.parametrize(
    ("command", "apdu"),
    [
        (Command(0x00, 0xA4, 0x04, 0x00, b"\x01\x02", 0), "00A4040002010200"),
        (Command(0x00, 0xB0, 0x95, 0x00, le=30), "00B095001E"),
        (Command(0x80, 0x72, data=b"\x01\x02\x03\x04"), "807200000401020304"),
        (Command(0x84, 0x44), "84440000"),
        (Command(0x00, 0x84, le=256), "0084000000"),
    ],
)
def test_the_four_cases(command: Command, apdu: str) -> None:
    assert command.to_bytes().hex().upper() == apdu


@given(commands)
def test_round_trip(command: Command) -> None:
    assert Command.parse(command.to_bytes()) == command


@given(st.binary(max_size=300))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    try:
        command = Command.parse(data)
    except FormatError:
        return
    assert command.to_bytes() == data


def test_too_much_data_is_refused() -> None:
    with pytest.raises(FormatError):
        Command(0x00, 0xD6, data=bytes(256)).to_bytes()


def test_an_error_says_command_status_and_meaning_but_no_data() -> None:
    error = error_for(Command(0x00, 0x20, data=bytes.fromhex("123456")), 0x63C2)
    assert str(error) == "VERIFY (00200000) answered 63C2: verification failed, 2 tries left"


@pytest.mark.parametrize(("sw", "left"), [(0x63C2, 2), (0x63C0, 0), (0x6983, 0)])
def test_a_wrong_pin_tells_the_tries_left(sw: int, left: int) -> None:
    error = error_for(Command(0x00, 0x20), sw)
    assert isinstance(error, WrongPin)
    assert error.tries_left == left


@pytest.mark.parametrize(
    ("sw", "kind"),
    [
        (0x6283, ApplicationBlocked),
        (0x6988, MacRejected),
        (0x6A83, RecordNotFound),
        (0x6D00, ApduError),
        (0x9302, MacRejected),
        (0x9303, PermanentlyLocked),
        (0x9401, InsufficientBalance),
        (0x9406, ProofNotAvailable),
    ],
)
def test_status_words_have_their_errors(sw: int, kind: type[ApduError]) -> None:
    assert type(error_for(Command(0x80, 0x54), sw)) is kind


@pytest.mark.parametrize(("sw", "left"), [(0x63C2, 2), (0x6983, 0)])
def test_a_wrong_cryptogram_is_no_wrong_pin(sw: int, left: int) -> None:
    error = error_for(Command(0x00, 0x82), sw)
    assert isinstance(error, VerificationFailed)
    assert not isinstance(error, WrongPin)
    assert error.tries_left == left


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (Command(0x80, 0x50, 0x05), "INITIALIZE FOR UNLOAD"),
        (Command(0x80, 0x50, 0x09), "INITIALIZE"),
        (Command(0x80, 0x54, 0x01), "DEBIT FOR PURCHASE"),
        (Command(0x80, 0x54, 0x03), "DEBIT FOR UNLOAD"),
        (Command(0x80, 0x5E, 0x00), "RELOAD PIN"),
        (Command(0x80, 0x5E, 0x01), "CHANGE PIN"),
        (Command(0x80, 0xCA, 0x00), "GET MESSAGE"),
        (Command(0x00, 0xCA, 0x00), "GET DATA"),
        (Command(0x80, 0xDC), "UPDATE CAPP DATA CACHE"),
        (Command(0x04, 0xDC), "UPDATE RECORD"),
        (Command(0x84, 0x24), "PIN UNBLOCK"),
        (Command(0x00, 0xEE), "command"),
    ],
)
def test_shared_instructions_are_named_by_class_and_p1(command: Command, name: str) -> None:
    assert command.name == name
    assert str(error_for(command, 0x6985)).startswith(name)


@given(st.integers(), st.integers(), st.integers(), st.integers(), st.none() | st.integers())
def test_headers_fit_their_bytes_or_are_refused(cla: int, ins: int, p1: int, p2: int, le: int | None) -> None:
    try:
        command = Command(cla, ins, p1, p2, le=le)
    except FormatError:
        return
    assert len(command.to_bytes()) == 4 + (le is not None)


def test_a_refused_command_shows_no_data() -> None:
    with pytest.raises(FormatError) as caught:
        Command(0x00, 0x20, data=b"\x12" * 256)
    assert "1212" not in str(caught.value)


@pytest.mark.parametrize(
    ("sw", "text"),
    [
        (0x9000, "ok"),
        (0x6108, "8 bytes waiting"),
        (0x6C1E, "wrong Le, 30 bytes available"),
        (0x9401, "insufficient balance"),
        (0x1234, "unknown status word"),
    ],
)
def test_every_status_word_has_a_phrase(sw: int, text: str) -> None:
    assert describe(sw) == text


def test_all_named_status_words_are_described() -> None:
    assert all(describe(word) == word.meaning for word in StatusWord)
