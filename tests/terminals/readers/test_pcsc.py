from __future__ import annotations

import builtins
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from terminals.card.errors import CardRemoved, NoCard, ReaderUnavailable, TransportError
from terminals.card.purse import PurseSession
from terminals.readers.errors import AmbiguousReader, MuteCard, NoReader, NoService, ReaderInUse
from terminals.readers.pcsc import PcscTransport, list_readers
from terminals.readers.service import choose_reader
from terminals.simulator.chip import Chip
from terminals.simulator.vpcd import VpcdSlot
from tests.terminals.cards import CARD_NUMBER, card_spec, issued_chip

SLOT = "Virtual PCD 00 00"
READ_SERIAL = bytes.fromhex("00B0850008")


class Unreadable:
    """No chip card: its answer to reset is none."""

    ATR = b"\x01\x02"

    def transmit(self, apdu: bytes) -> bytes:
        return b""

    def reset(self) -> bytes:
        return self.ATR


class Shy:
    """A chip that is pulled while it works on a command."""

    def __init__(self, chip: Chip, slot: VpcdSlot) -> None:
        self.ATR, self._chip, self._slot = chip.ATR, chip, slot

    def transmit(self, apdu: bytes) -> bytes:
        threading.Thread(target=self._slot.remove).start()
        time.sleep(0.2)
        return self._chip.transmit(apdu)

    def reset(self) -> bytes:
        return self._chip.reset()


@pytest.mark.pcsc
class TestWithService:
    @pytest.fixture
    def slot(self, pcscd: None) -> Iterator[VpcdSlot]:
        with VpcdSlot(0) as slot:
            yield slot

    def test_both_virtual_readers_are_listed(self, slot: VpcdSlot) -> None:
        assert {SLOT, "Virtual PCD 00 01"} <= set(list_readers())

    def test_an_unknown_reader_is_answered_with_those_there_are(self, slot: VpcdSlot) -> None:
        with pytest.raises(ReaderUnavailable, match=SLOT):
            PcscTransport("Nowhere 3000")

    def test_an_empty_reader_is_no_card_at_once_or_after_the_wait(self, slot: VpcdSlot) -> None:
        with pytest.raises(NoCard, match=SLOT):
            PcscTransport(SLOT)
        with pytest.raises(NoCard):
            PcscTransport(SLOT, wait_seconds=0.3)

    def test_two_readers_that_fit_are_named(self, slot: VpcdSlot) -> None:
        with pytest.raises(AmbiguousReader, match=f"{SLOT}, Virtual PCD 00 01"):
            PcscTransport("Virtual PCD")

    def test_something_without_a_chip_is_mute(self, slot: VpcdSlot) -> None:
        slot.insert(Unreadable())
        with pytest.raises(MuteCard, match=SLOT):
            PcscTransport(SLOT, wait_seconds=2)

    def test_a_card_pulled_in_the_middle_of_a_command(self, slot: VpcdSlot, chip: Chip) -> None:
        slot.insert(Shy(chip, slot))
        transport = PcscTransport(SLOT, wait_seconds=10)
        with pytest.raises(CardRemoved, match=SLOT):
            transport.transmit(READ_SERIAL)
        with pytest.raises(TransportError):
            transport.transmit(READ_SERIAL)
        transport.close()
        slot.insert(chip)
        transport = PcscTransport(SLOT, wait_seconds=10)
        assert transport.transmit(READ_SERIAL) == (b"CHIP0001", 0x9000)
        transport.close()

    def test_the_reader_is_held_exclusively(self, slot: VpcdSlot, chip: Chip) -> None:
        slot.insert(chip)
        first = PcscTransport(SLOT, wait_seconds=10)
        with pytest.raises(ReaderInUse, match="another program"):
            PcscTransport(SLOT)
        first.close()
        PcscTransport(SLOT).close()

    def test_closing_resets_the_card(self, slot: VpcdSlot, chip: Chip) -> None:
        slot.insert(chip)
        transport = PcscTransport(SLOT, wait_seconds=10)
        PurseSession(transport).select()
        transport.close()
        transport = PcscTransport(SLOT)
        assert transport.transmit(bytes.fromhex("00B0850008")) == (b"CHIP0001", 0x9000)
        transport.close()

    def test_removal_is_waited_for(self, slot: VpcdSlot, chip: Chip) -> None:
        slot.insert(chip)
        transport = PcscTransport(SLOT, wait_seconds=10)
        with pytest.raises(TimeoutError):
            transport.wait_for_removal(0.1)
        slot.remove()
        transport.wait_for_removal(10)
        transport.close()

    def test_a_chip_swapped_between_connections_is_the_new_one(self, slot: VpcdSlot, chip: Chip) -> None:
        slot.insert(issued_chip(card_spec("3105883700000000009")))
        transport = PcscTransport(SLOT, wait_seconds=10)
        PurseSession(transport).select()
        transport.close()
        slot.swap(chip)
        transport = PcscTransport(SLOT)
        info = PurseSession(transport).select().public_info
        transport.close()
        assert info is not None
        assert info.serial[1:] == CARD_NUMBER


class TestWithoutService:
    def test_no_pyscard(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = builtins.__import__

        def missing(name: str, *rest: Any, **named: Any) -> Any:
            if name.startswith("smartcard"):
                raise ImportError(name)
            return real(name, *rest, **named)

        monkeypatch.setattr(builtins, "__import__", missing)
        with pytest.raises(NoService, match="pyscard is not installed"):
            list_readers()

    @pytest.fixture
    def scard(self, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
        """The codes of PC/SC with functions that fail."""
        from smartcard import scard

        fake = SimpleNamespace(**{name: getattr(scard, name) for name in dir(scard)})
        fake.SCardReleaseContext = lambda context: 0
        fake.SCardEstablishContext = lambda scope: (scard.SCARD_S_SUCCESS, 1)
        for module in ("service", "pcsc", "events"):
            monkeypatch.setattr(f"terminals.readers.{module}.scard", lambda: fake)
        return fake

    def test_no_daemon(self, scard: SimpleNamespace) -> None:
        scard.SCardEstablishContext = lambda scope: (scard.SCARD_E_NO_SERVICE, 0)
        with pytest.raises(NoService, match="start pcscd"):
            PcscTransport()

    def test_no_reader(self, scard: SimpleNamespace) -> None:
        scard.SCardListReaders = lambda context, groups: (scard.SCARD_E_NO_READERS_AVAILABLE, [])
        assert list_readers() == []
        with pytest.raises(NoReader, match="no smart card reader"):
            PcscTransport()

    @pytest.fixture
    def connected(self, scard: SimpleNamespace) -> PcscTransport:
        """A connection that stands; the tests then break it."""
        scard.SCardListReaders = lambda context, groups: (scard.SCARD_S_SUCCESS, ["ACR122", "ACR1281"])
        scard.SCardConnect = lambda *rest: (scard.SCARD_S_SUCCESS, 7, scard.SCARD_PROTOCOL_T1)
        scard.SCardDisconnect = lambda *rest: scard.SCARD_S_SUCCESS
        return PcscTransport("ACR122")

    @pytest.mark.parametrize(
        ("code", "error"),
        [
            ("SCARD_W_REMOVED_CARD", CardRemoved),
            ("SCARD_E_NOT_TRANSACTED", CardRemoved),
            ("SCARD_W_RESET_CARD", CardRemoved),
            ("SCARD_E_NO_SMARTCARD", NoCard),
            ("SCARD_W_UNRESPONSIVE_CARD", MuteCard),
            ("SCARD_E_READER_UNAVAILABLE", NoReader),
            ("SCARD_E_UNKNOWN_READER", NoReader),
            ("SCARD_E_NO_SERVICE", NoService),
            ("SCARD_F_COMM_ERROR", NoService),
            ("SCARD_E_INVALID_HANDLE", NoService),
            ("SCARD_E_SHARING_VIOLATION", ReaderInUse),
            ("SCARD_F_INTERNAL_ERROR", TransportError),
        ],
    )
    def test_each_failure_of_a_command_has_its_error(
        self, scard: SimpleNamespace, connected: PcscTransport, code: str, error: type[Exception]
    ) -> None:
        scard.SCardTransmit = lambda *rest: (getattr(scard, code), [])
        with pytest.raises(error) as caught:
            connected.transmit(READ_SERIAL)
        assert type(caught.value) is error
        connected.close()

    def test_no_answer_at_all_is_a_card_that_left(
        self, scard: SimpleNamespace, connected: PcscTransport
    ) -> None:
        scard.SCardTransmit = lambda *rest: (scard.SCARD_S_SUCCESS, [])
        with pytest.raises(CardRemoved):
            connected.transmit(READ_SERIAL)

    def test_an_answer_without_a_status_word(self, scard: SimpleNamespace, connected: PcscTransport) -> None:
        scard.SCardTransmit = lambda *rest: (scard.SCARD_S_SUCCESS, [0x90])
        with pytest.raises(TransportError, match="no status word"):
            connected.transmit(READ_SERIAL)

    @pytest.mark.parametrize(
        "code", ["SCARD_W_REMOVED_CARD", "SCARD_W_UNPOWERED_CARD", "SCARD_E_NO_SMARTCARD"]
    )
    def test_a_card_gone_before_the_first_command_is_no_card(
        self, scard: SimpleNamespace, connected: PcscTransport, code: str
    ) -> None:
        scard.SCardConnect = lambda *rest: (getattr(scard, code), 0, 0)
        with pytest.raises(NoCard):
            PcscTransport("ACR122")


class TestChoice:
    READERS = ("ACS ACR122U 00", "ACS ACR122U 00 01", "Feitian R502")

    def test_the_exact_name_goes_before_a_part_of_others(self) -> None:
        assert choose_reader(self.READERS, "ACS ACR122U 00") == "ACS ACR122U 00"

    def test_a_part_that_fits_one(self) -> None:
        assert choose_reader(self.READERS, "R502") == "Feitian R502"

    def test_no_wish_is_the_first(self) -> None:
        assert choose_reader(self.READERS, "") == self.READERS[0]

    def test_a_part_that_fits_several_is_refused_with_their_names(self) -> None:
        with pytest.raises(AmbiguousReader, match="ACS ACR122U 00, ACS ACR122U 00 01"):
            choose_reader(self.READERS, "ACR122U")

    @pytest.mark.parametrize("names", [(), READERS])
    def test_none_that_fits(self, names: tuple[str, ...]) -> None:
        with pytest.raises(NoReader):
            choose_reader(names, "Omnikey")
