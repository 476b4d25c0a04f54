"""What a chip does with bytes nobody should send."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smartcard.ATR import ATR

from terminals.card.sam import PURSE_DF as SAM_DF
from terminals.card.status import describe
from terminals.simulator.card_base import PURSE_DF
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from tests.terminals.cards import blank_chip, card_spec, issued_chip, issued_psam

CHIPS: list[Chip | Psam] = [
    issued_chip(),
    issued_chip(card_spec(application_type=3)),
    issued_psam(),
    blank_chip(),
]
CLASSES = st.sampled_from([0x00, 0x04, 0x80, 0x84, 0x90])
KNOWN = st.sampled_from(sorted({key & 0xFF for chip in CHIPS for key in chip.commands}))
heads = st.builds(lambda *parts: bytes(parts), CLASSES, KNOWN, *[st.integers(0, 255)] * 2)
apdus = st.one_of(
    st.binary(max_size=40),
    st.builds(
        lambda head, data, le: head + (bytes([len(data)]) + data if data else b"") + le,
        heads,
        st.binary(max_size=60),
        st.binary(max_size=1),
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CHIPS), st.lists(apdus, min_size=1, max_size=6))
def test_any_command_gets_an_answer_with_a_known_status_word(chip: Chip | Psam, sent: list[bytes]) -> None:
    before = getattr(chip.state, "balance_fen", None)
    for apdu in sent:
        answer = chip.transmit(apdu)
        assert 2 <= len(answer) <= 258
        assert describe(int.from_bytes(answer[-2:])) != "unknown status word"
    assert getattr(chip.state, "balance_fen", None) == before


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("", "6700"),
        ("00A404", "6700"),
        ("0099000000", "6D00"),
        ("90B0950000", "6E00"),
        ("00A40000023F05", "6A82"),
        ("00A4030000", "6A86"),
        ("00A4040000", "6A82"),
        ("00B0000004", "6A86"),
        ("00B0990004", "6A82"),
        ("00B0850804", "6B00"),
        ("00B085000A", "6C08"),
        ("0084000006", "6700"),
        ("00C0000000", "6985"),
        ("00B201C417", "6A86"),
        ("04D6950001", "6985"),
    ],
)
def test_refusals(apdu: str, sw: str) -> None:
    assert issued_chip().transmit(bytes.fromhex(apdu)).hex().upper() == sw


@pytest.mark.parametrize(
    ("apdu", "sw"), [("00B201CC17", "6A82"), ("00B200C417", "6A83"), ("00B082000B", "6982")]
)
def test_refusals_in_the_application(apdu: str, sw: str) -> None:
    chip = issued_chip()
    chip.transmit(bytes.fromhex("00A4040008A000000632010105"))
    assert chip.transmit(bytes.fromhex(apdu)).hex().upper() == sw


@pytest.mark.parametrize("file_id", ["3F01", "DF01", "1001"])
def test_select_by_any_of_the_usual_identifiers_finds_the_same_application(file_id: str) -> None:
    for chip in (issued_chip(), issued_psam()):
        directory = chip.fci(PURSE_DF if isinstance(chip, Chip) else SAM_DF)
        assert chip.transmit(bytes.fromhex(f"00A4000002{file_id}00")) == directory.to_bytes() + b"\x90\x00"
        assert chip.transmit(bytes.fromhex("00A40000023F0000"))[4:18] == b"1PAY.SYS.DDF01"


def test_select_by_name_wants_the_whole_name() -> None:
    chip = issued_chip()
    assert chip.transmit(bytes.fromhex("00A4040007A000000632010100")) == bytes.fromhex("6A82")
    assert chip.transmit(bytes.fromhex("00A4040008A000000632010105"))[0] == 0x6F


def test_both_chips_have_a_well_formed_atr() -> None:
    for chip in CHIPS:
        atr = ATR(list(chip.reset()))
        assert len(atr.getHistoricalBytes()) == 5
        assert atr.isT0Supported()
        assert not atr.hasChecksum or atr.checksumOK
