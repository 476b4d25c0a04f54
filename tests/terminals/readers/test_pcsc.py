from __future__ import annotations

import builtins
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from terminals.card.errors import NoCard, ReaderUnavailable
from terminals.card.purse import PurseSession
from terminals.readers.pcsc import PcscTransport, list_readers
from terminals.simulator.chip import Chip
from terminals.simulator.vpcd import VpcdSlot
from tests.terminals.cards import CARD_NUMBER, card_spec, issued_chip

SLOT = "Virtual PCD 00 00"


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

    def test_the_reader_is_held_exclusively(self, slot: VpcdSlot, chip: Chip) -> None:
        slot.insert(chip)
        first = PcscTransport(SLOT, wait_seconds=10)
        with pytest.raises(ReaderUnavailable, match="another program"):
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
        with pytest.raises(ReaderUnavailable, match="pyscard is not installed"):
            list_readers()

    @pytest.fixture
    def scard(self, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
        """The codes of PC/SC with functions that fail."""
        from smartcard import scard

        fake = SimpleNamespace(**{name: getattr(scard, name) for name in dir(scard)})
        fake.SCardReleaseContext = lambda context: 0
        fake.SCardEstablishContext = lambda scope: (scard.SCARD_S_SUCCESS, 1)
        monkeypatch.setattr("terminals.readers.pcsc._scard", lambda: fake)
        return fake

    def test_no_daemon(self, scard: SimpleNamespace) -> None:
        scard.SCardEstablishContext = lambda scope: (scard.SCARD_E_NO_SERVICE, 0)
        with pytest.raises(ReaderUnavailable, match="start pcscd"):
            PcscTransport()

    def test_no_reader(self, scard: SimpleNamespace) -> None:
        scard.SCardListReaders = lambda context, groups: (scard.SCARD_E_NO_READERS_AVAILABLE, [])
        assert list_readers() == []
        with pytest.raises(ReaderUnavailable, match="no smart card reader"):
            PcscTransport()
