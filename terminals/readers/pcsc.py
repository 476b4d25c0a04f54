"""The chip in one PC/SC reader, as a transport."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any, Final

from terminals.card.errors import CardRemoved, NoCard, TransportError
from terminals.readers.errors import MuteCard
from terminals.readers.service import check, choose_reader, reader_names, scard, service

WAIT_STEP_MS: Final = 1000
RETRY_SECONDS: Final = 0.02


def list_readers() -> list[str]:
    """Names of all connected readers; empty when there is none. NoService when none runs."""
    with service() as context:
        return reader_names(context)


class PcscTransport:
    """The chip in one reader until `close`, which resets it.

    The reader is held exclusively (SCARD_SHARE_EXCLUSIVE), which is stricter than a PC/SC transaction: no other program
    can even connect in between. After an error of the line every further call fails until a new connection is made.
    """

    def __init__(self, reader: str = "", *, wait_seconds: float = 0.0) -> None:
        """Connect to the chip in the reader of that name (see `choose_reader`); the first reader without a name.

        Waits up to `wait_seconds` for a chip. Raises NoService, NoReader, AmbiguousReader, ReaderInUse, NoCard, MuteCard.
        """
        self._scard = scard()
        self._card: Any = None
        with ExitStack() as opened:
            self._context = opened.enter_context(service())
            self.reader = choose_reader(reader_names(self._context), reader)
            self._connect_within(wait_seconds)
            self._opened = opened.pop_all()

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """As `Transport.transmit`."""
        card = self._connected()
        result, answer = self._scard.SCardTransmit(card, self._protocol, list(apdu))
        check(result, self.reader)
        if not answer:  # some drivers tell so that the line broke
            raise CardRemoved(f"{self.reader}: the card was pulled before it answered")
        if len(answer) < 2:
            raise TransportError(f"{self.reader}: the answer has no status word")
        return bytes(answer[:-2]), int.from_bytes(bytes(answer[-2:]))

    def reset(self) -> bytes:
        """As `Transport.reset`: a warm reset."""
        codes, card = self._scard, self._connected()
        result, protocol = codes.SCardReconnect(
            card, codes.SCARD_SHARE_EXCLUSIVE, self._protocols, codes.SCARD_RESET_CARD
        )
        check(result, self.reader)
        self._protocol = self._pci(protocol)
        result, _, _, _, atr = codes.SCardStatus(card)
        check(result, self.reader)
        return bytes(atr)

    def wait_for_removal(self, seconds: float) -> None:
        """Wait until the chip has left the reader; TimeoutError when it stays."""
        if not self._wait_state(present=False, seconds=seconds):
            raise TimeoutError("the card is still in the reader")

    def close(self) -> None:
        """As `Transport.close`."""
        if self._card is not None:
            self._scard.SCardDisconnect(self._card, self._scard.SCARD_RESET_CARD)
            self._card = None
        self._opened.close()

    def _connected(self) -> Any:
        if self._card is None:
            raise TransportError("the connection is closed")
        return self._card

    @property
    def _protocols(self) -> int:
        return int(self._scard.SCARD_PROTOCOL_T0 | self._scard.SCARD_PROTOCOL_T1)

    def _pci(self, protocol: int) -> Any:
        first = protocol == self._scard.SCARD_PROTOCOL_T0
        return self._scard.SCARD_PCI_T0 if first else self._scard.SCARD_PCI_T1

    def _connect_within(self, seconds: float) -> None:
        """Try again until a chip answers: the service learns of a chip's coming and going only by polling."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._connect()
            except (NoCard, MuteCard):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise
                self._wait_state(present=True, seconds=left)
                time.sleep(min(left, RETRY_SECONDS))
            else:
                return

    def _connect(self) -> None:
        codes = self._scard
        result, card, protocol = codes.SCardConnect(
            self._context, self.reader, codes.SCARD_SHARE_EXCLUSIVE, self._protocols
        )
        try:
            check(result, self.reader)
        except CardRemoved as gone:
            # Nothing was sent to it yet.
            raise NoCard(f"no card in {self.reader}") from gone
        self._card, self._protocol = card, self._pci(protocol)

    def _wait_state(self, *, present: bool, seconds: float) -> bool:
        """Wait for a chip to come or go; the answer is whether it did."""
        codes, deadline = self._scard, time.monotonic() + seconds
        state = codes.SCARD_STATE_UNAWARE
        while True:
            left_ms = max(0, min(WAIT_STEP_MS, int((deadline - time.monotonic()) * 1000)))
            step = 0 if state == codes.SCARD_STATE_UNAWARE else left_ms
            result, changes = codes.SCardGetStatusChange(self._context, step, [(self.reader, state)])
            if result != codes.SCARD_E_TIMEOUT:
                check(result, self.reader)
            state = changes[0][1] & ~codes.SCARD_STATE_CHANGED
            if bool(state & codes.SCARD_STATE_PRESENT) == present:
                return True
            if not left_ms:
                return False
