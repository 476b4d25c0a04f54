"""Cards on a workstation's reader, used by the server through hub and agent."""

from __future__ import annotations

import threading

import pytest

from citizencard.bridge.transport import workstation_state
from citizencard.core.models import AuditEntry
from terminals.bridge.sources import SimulatedSource
from terminals.card.describe import describe_card
from terminals.card.errors import CardRemoved, NoCard, ReaderUnavailable, TransportError
from terminals.card.personalise import personalise
from terminals.card.purse import PurseSession
from terminals.readers.errors import NoReader, ReaderInUse
from terminals.simulator.chip import Chip
from tests.citizencard.bridge.house import READER, House, wait_for
from tests.terminals.cards import CARD_NUMBER, COUNTER, KEYS, PIN, WHEN, blank_chip, card_spec

READ_SERIAL = bytes.fromhex("00B0850008")


def uses() -> list[tuple[str, str, dict[str, object]]]:
    entries = AuditEntry.objects.filter(action__startswith="reader.").order_by("pk")
    return [(entry.action, entry.actor, entry.detail) for entry in entries]


def test_a_card_is_personalised_and_loaded_over_the_bridge(house: House) -> None:
    chip = blank_chip()
    desk = house.staffed(SimulatedSource({READER: chip}))
    with desk.use() as transport:
        assert transport.reader == READER
        personalise(transport, card_spec(), KEYS)
    with desk.use() as transport:
        purse = PurseSession(transport)
        info = purse.select().public_info
        assert info is not None
        purse.verify_pin(PIN)
        init = purse.init_load(5_000, COUNTER)
        purse.credit_for_load(WHEN, KEYS.mac2(info.serial8, init, 5_000))
    with desk.use() as transport:
        shown = describe_card(transport)
    assert (shown["card_number"], shown["balance_fen"]) == (CARD_NUMBER, 5_000)


def test_every_use_is_audited_without_what_was_said_to_the_card(house: House, chip: Chip) -> None:
    desk = house.staffed(SimulatedSource({READER: chip}))
    with desk.use() as transport:
        transport.transmit(READ_SERIAL)
        transport.reset()
    wait_for(lambda: len(uses()) == 2)
    assert uses() == [
        ("reader.use", "clerk", {"purpose": "test"}),
        ("reader.release", "clerk", {"purpose": "test", "apdus": 1, "outcome": "completed"}),
    ]
    assert "00B085" not in "".join(desk.lines)
    assert any("clerk" in line and "test" in line for line in desk.lines)


def test_the_reader_has_one_user_at_a_time(house: House, chip: Chip) -> None:
    desk = house.staffed(SimulatedSource({READER: chip}))
    with desk.use(actor="lin") as first:
        with pytest.raises(ReaderInUse, match="lin"):
            desk.use(actor="chen")
        assert first.transmit(READ_SERIAL) == (b"CHIP0001", 0x9000)
    desk.use(actor="chen").close()


def test_two_workstations_do_not_wait_for_each_other(house: House) -> None:
    desks = [
        house.staffed(SimulatedSource({READER: blank_chip(serial=b"CHIP000" + n)})) for n in (b"1", b"2")
    ]
    with desks[0].use() as first, desks[1].use() as second:
        assert first.transmit(READ_SERIAL)[0] == b"CHIP0001"
        assert second.transmit(READ_SERIAL)[0] == b"CHIP0002"


def test_readers_and_cards_are_reported_as_they_come_and_go(house: House, chip: Chip) -> None:
    source = SimulatedSource({READER: None})
    desk = house.staffed(source)

    def atr() -> bytes | None:
        state = workstation_state(desk.pk)
        assert state is not None
        return state.readers[0].atr if state.readers else b"?"

    wait_for(lambda: atr() is None)
    source.insert(READER, chip)
    wait_for(lambda: atr() == chip.ATR)
    source.remove(READER)
    wait_for(lambda: atr() is None)


def test_no_card_no_reader_no_agent_no_hub(house: House) -> None:
    desk = house.staffed()
    with pytest.raises(NoCard, match=READER):
        desk.use()
    with pytest.raises(NoReader, match="Omnikey"):
        desk.use(reader="Omnikey")
    with pytest.raises(ReaderUnavailable, match="not connected"):
        house.pair().use()
    house.stop_hub()
    with pytest.raises(ReaderUnavailable, match="not running"):
        desk.use()


def test_a_card_is_waited_for(house: House, chip: Chip) -> None:
    source = SimulatedSource({READER: None})
    desk = house.staffed(source)
    threading.Timer(0.3, source.insert, (READER, chip)).start()
    with desk.use(wait_seconds=10) as transport:
        assert transport.transmit(READ_SERIAL) == (b"CHIP0001", 0x9000)


def test_a_card_pulled_in_use_is_said_at_once_and_the_next_one_works(house: House, chip: Chip) -> None:
    source = SimulatedSource({READER: chip})
    desk = house.staffed(source)
    with desk.use() as transport:
        transport.transmit(READ_SERIAL)
        source.remove(READER)
        with pytest.raises(CardRemoved):
            transport.transmit(READ_SERIAL)
    wait_for(lambda: len(uses()) == 2)
    assert uses()[1][2]["outcome"] == "CardRemoved"
    source.insert(READER, chip)
    with desk.use() as transport:
        assert transport.transmit(READ_SERIAL) == (b"CHIP0001", 0x9000)


def test_an_agent_that_stops_ends_the_use_and_work_goes_on_when_it_is_back(house: House, chip: Chip) -> None:
    desk = house.pair(SimulatedSource({READER: chip}))
    with desk.running() as agent:
        wait_for(desk.is_connected)
        transport = desk.use()
        agent.stop()
        with pytest.raises(TransportError):
            transport.transmit(READ_SERIAL)
        transport.close()
    wait_for(lambda: not desk.is_connected())
    with desk.running():
        wait_for(desk.is_connected)
        with desk.use() as transport:
            assert transport.transmit(READ_SERIAL) == (b"CHIP0001", 0x9000)


def test_a_hub_that_stops_ends_the_use_and_agents_come_back_by_themselves(house: House, chip: Chip) -> None:
    desk = house.staffed(SimulatedSource({READER: chip}))
    transport = desk.use()
    port = house.port
    house.stop_hub()
    with pytest.raises(TransportError):
        transport.transmit(READ_SERIAL)
    transport.close()
    house.start_hub(port)
    wait_for(desk.is_connected)
    with desk.use() as transport:
        assert transport.transmit(READ_SERIAL) == (b"CHIP0001", 0x9000)
