from __future__ import annotations

import pytest

from terminals.card.apdu import ApduError, Command
from terminals.card.errors import TransportError
from terminals.card.transport import ResponseChain, exchange
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


def test_a_short_answer_is_no_answer() -> None:
    with pytest.raises(TransportError, match="3 bytes instead of 4"):
        exchange(ScriptedTransport(("0084000004", "010203" + "9000")), Command(0, 0x84, le=4))
