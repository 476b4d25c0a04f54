"""The smart card service stops while programs use it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from citizencard.embedded.pcscd import PcscUnavailable, running_pcscd
from terminals.readers.errors import NoService
from terminals.readers.events import watch_readers
from terminals.readers.pcsc import PcscTransport, list_readers
from terminals.readers.service import check
from terminals.simulator.chip import Chip
from terminals.simulator.vpcd import VpcdSlot

SLOT = "Virtual PCD 00 00"


@pytest.fixture
def daemon() -> Iterator[ExitStack]:
    """A daemon of this test's own: closing the stack stops it. Skips where a system's daemon runs."""
    try:
        list_readers()
    except NoService:
        pass
    else:
        pytest.skip("a pcscd runs already, and it is not ours to stop")
    with ExitStack() as stack:
        try:
            stack.enter_context(running_pcscd())
        except PcscUnavailable as missing:
            pytest.skip(missing.reason)
        yield stack


def test_a_wait_that_the_ending_service_denies_names_the_service() -> None:
    codes = pytest.importorskip("smartcard.scard")
    with pytest.raises(NoService, match="start pcscd"):
        check(codes.SCARD_W_SECURITY_VIOLATION, "readers")


@pytest.mark.pcsc
def test_a_service_stopped_in_use_is_named_and_a_new_connection_works(daemon: ExitStack, chip: Chip) -> None:
    fault: list[NoService] = []
    watching = threading.Event()

    def watch() -> None:
        with watch_readers() as events:
            try:
                for _event in events:
                    watching.set()
            except NoService as error:
                fault.append(error)

    with VpcdSlot(0) as slot:
        slot.insert(chip)
        transport = PcscTransport(SLOT, wait_seconds=10)
        watcher = threading.Thread(target=watch)
        watcher.start()
        assert watching.wait(10)
        daemon.close()
        for use in (transport.reset, lambda: transport.transmit(bytes.fromhex("00B0850008")), list_readers):
            with pytest.raises(NoService, match="start pcscd"):
                use()
        watcher.join(10)
        assert len(fault) == 1
        transport.close()
        with running_pcscd():
            again = PcscTransport(SLOT, wait_seconds=10)
            assert again.transmit(bytes.fromhex("00B0850008")) == (b"CHIP0001", 0x9000)
            again.close()
