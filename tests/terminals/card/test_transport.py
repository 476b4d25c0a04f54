from __future__ import annotations

import pytest

from terminals.card import commands
from terminals.card.apdu import ApduError, Command
from terminals.card.errors import AnswerLength, TransportError
from terminals.card.transport import ResponseChain, exchange, read
from tests.terminals.card.scripted import ScriptedTransport

SAM_INIT = "80700000" + "04" + "01020304"


def test_61xx_is_followed_with_get_response() -> None:
    script = ScriptedTransport((SAM_INIT, "6108"), ("00C0000008", "00000057AABBCCDD9000"))
    assert ResponseChain(script).transmit(bytes.fromhex(SAM_INIT)) == (
        bytes.fromhex("00000057AABBCCDD"),
        0x9000,
    )
    script.assert_finished()


def test_parts_of_an_answer_are_put_together() -> None:
    script = ScriptedTransport(
        (SAM_INIT, "6102"), ("00C0000002", "0102" + "6101"), ("00C0000001", "03" + "9000")
    )
    assert ResponseChain(script).transmit(bytes.fromhex(SAM_INIT)) == (b"\x01\x02\x03", 0x9000)


def test_6cxx_repeats_the_command_with_the_right_length() -> None:
    script = ScriptedTransport(("00B0950000", "6C0E"), ("00B095000E", "00" * 14 + "9000"))
    assert ResponseChain(script).transmit(bytes.fromhex("00B0950000")) == (bytes(14), 0x9000)
    script.assert_finished()


def test_a_chip_that_never_stops_announcing_is_given_up() -> None:
    script = ScriptedTransport((SAM_INIT, "6101"), *[("00C0000001", "00" + "6101")] * 16)
    with pytest.raises(TransportError, match="more data"):
        ResponseChain(script).transmit(bytes.fromhex(SAM_INIT))


def test_exchange_returns_data_or_raises() -> None:
    assert (
        exchange(ScriptedTransport(("0084000004", "01020304" + "9000")), Command(0, 0x84, le=4))
        == b"\1\2\3\4"
    )
    with pytest.raises(ApduError) as caught:
        exchange(ScriptedTransport(("0084000004", "6D00")), Command(0, 0x84, le=4))
    assert caught.value.sw == 0x6D00


@pytest.mark.parametrize("answer", ["010203", "0102030405", ""])
def test_an_answer_of_another_length_is_no_answer(answer: str) -> None:
    with pytest.raises(AnswerLength, match=f"GET CHALLENGE answered {len(answer) // 2} bytes instead of 4"):
        exchange(ScriptedTransport(("0084000004", answer + "9000")), Command(0, 0x84, le=4))


SELECT = "00A4040008A000000632010105"
NAME = bytes.fromhex("A000000632010105")


def test_a_chip_that_refuses_le_after_data_is_never_given_one_again() -> None:
    script = ScriptedTransport(
        (SELECT + "00", "6700"),
        (SELECT, "6104"),
        ("00C0000004", "6F028400" + "9000"),
        ("805000020B0100000001001122334455", "6110"),
        ("00C0000010", "00" * 16 + "9000"),
        ("805C000204", "00000001" + "9000"),
    )
    chip = ResponseChain(script)
    assert exchange(chip, commands.select_name(NAME)) == bytes.fromhex("6F028400")
    init = commands.initialize(0, 1, 1, bytes.fromhex("001122334455"), 16)
    assert exchange(chip, init) == bytes(16)
    assert exchange(chip, commands.get_balance()) == bytes.fromhex("00000001")
    script.assert_finished()


def test_a_chip_that_refuses_the_data_itself_keeps_getting_le() -> None:
    script = ScriptedTransport((SELECT + "00", "6700"), (SELECT, "6700"), (SELECT + "00", "9000"))
    chip = ResponseChain(script)
    with pytest.raises(ApduError):
        exchange(chip, commands.select_name(NAME))
    exchange(chip, commands.select_name(NAME))
    script.assert_finished()


@pytest.mark.parametrize(
    ("answers", "content"),
    [
        (["00112233" + "9000"], "00112233"),
        (["001122" + "9000"], "001122"),
        (["0011" + "6282"], "0011"),
        (["0011223344" + "9000"], "00112233"),
        (["6700", "0011223344" + "9000"], "00112233"),
        (["6A86", "00112233" + "9000"], "00112233"),
    ],
)
def test_reads_take_what_other_issuers_cards_answer(answers: list[str], content: str) -> None:
    script = ScriptedTransport(*zip(["00B0950004", "00B0950000"], answers, strict=False))
    assert read(script, commands.read_binary(0x15, 4)).hex() == content
    script.assert_finished()


def test_a_read_refused_in_every_form_is_refused() -> None:
    script = ScriptedTransport(("00B0950004", "6700"), ("00B0950000", "6982"))
    with pytest.raises(ApduError, match=r"READ BINARY .* 6982"):
        read(script, commands.read_binary(0x15, 4))
    with pytest.raises(ApduError, match="6B00"):
        read(ScriptedTransport(("00B0950004", "6B00")), commands.read_binary(0x15, 4))
