"""Smart card readers through PC/SC (pyscard). pyscard is imported on first use: without it the rest still works."""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any, Final

from terminals.card.errors import CardRemoved, NoCard, ReaderUnavailable, TransportError

WAIT_STEP_MS: Final = 1000
RETRY_SECONDS: Final = 0.02


def _scard() -> ModuleType:
    try:
        from smartcard import scard
    except ImportError as error:
        raise ReaderUnavailable("pyscard is not installed; use the in-process card instead") from error
    module: ModuleType = scard
    return module


def _check(result: int, what: str) -> None:
    """Turn a PC/SC result code into the error that says what to do."""
    scard = _scard()
    if result == scard.SCARD_S_SUCCESS:
        return
    reason = f"{what}: {scard.SCardGetErrorMessage(result).strip()}"
    if result in (scard.SCARD_E_NO_SERVICE, scard.SCARD_E_SERVICE_STOPPED):
        raise ReaderUnavailable("the smart card service is not running: start pcscd")
    if result in (scard.SCARD_E_NO_READERS_AVAILABLE, scard.SCARD_E_UNKNOWN_READER):
        raise ReaderUnavailable("no smart card reader is connected")
    if result == scard.SCARD_E_SHARING_VIOLATION:
        raise ReaderUnavailable("another program is using the reader")
    if result in _gone(scard):
        raise CardRemoved(f"the card was pulled before it answered ({reason})")
    raise TransportError(reason)


def _gone(scard: ModuleType) -> tuple[int, ...]:
    """Codes of a chip that left, or was reset by somebody else, with its answer unknown."""
    return (
        scard.SCARD_W_REMOVED_CARD,
        scard.SCARD_W_RESET_CARD,
        scard.SCARD_W_UNPOWERED_CARD,
        scard.SCARD_W_UNRESPONSIVE_CARD,
        scard.SCARD_E_NO_SMARTCARD,
        scard.SCARD_E_NOT_TRANSACTED,
    )


def _context() -> Any:
    scard = _scard()
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    _check(result, "PC/SC")
    return context


def list_readers() -> list[str]:
    """Names of all connected readers; empty when there is none. ReaderUnavailable when no service runs."""
    context = _context()
    try:
        return _readers(context)
    finally:
        _scard().SCardReleaseContext(context)


def _readers(context: Any) -> list[str]:
    scard = _scard()
    result, names = scard.SCardListReaders(context, [])
    if result == scard.SCARD_E_NO_READERS_AVAILABLE:
        return []
    _check(result, "list of readers")
    return list(names)


def _find(context: Any, wanted: str) -> str:
    names = _readers(context)
    for name in names:
        if wanted in name:
            return name
    if not names:
        raise ReaderUnavailable("no smart card reader is connected")
    raise ReaderUnavailable(f"no reader's name contains {wanted!r}; there are: {', '.join(names)}")


class PcscTransport:
    """The chip in one reader, held exclusively until `close`, which resets it."""

    def __init__(self, reader: str = "", *, wait_seconds: float = 0.0) -> None:
        """Connect to the chip in the first reader whose name contains `reader`.

        Waits up to `wait_seconds` for a chip. Raises ReaderUnavailable (no pyscard, service or reader; reader in use)
        or NoCard.
        """
        self._scard = _scard()
        self._context = _context()
        self._card: Any = None
        try:
            self.reader = _find(self._context, reader)
            self._connect_within(wait_seconds)
        except BaseException:
            self.close()
            raise

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """As `Transport.transmit`."""
        if self._card is None:
            raise TransportError("the connection is closed")
        result, answer = self._scard.SCardTransmit(self._card, self._protocol, list(apdu))
        _check(result, self.reader)
        if len(answer) < 2:
            raise TransportError(f"{self.reader}: the answer has no status word")
        return bytes(answer[:-2]), int.from_bytes(bytes(answer[-2:]))

    def reset(self) -> bytes:
        """As `Transport.reset`: a warm reset."""
        if self._card is None:
            raise TransportError("the connection is closed")
        scard = self._scard
        result, protocol = scard.SCardReconnect(
            self._card, scard.SCARD_SHARE_EXCLUSIVE, self._protocols, scard.SCARD_RESET_CARD
        )
        _check(result, self.reader)
        self._protocol = self._pci(protocol)
        result, _, _, _, atr = scard.SCardStatus(self._card)
        _check(result, self.reader)
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
        if self._context is not None:
            self._scard.SCardReleaseContext(self._context)
            self._context = None

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
            except NoCard:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise
                self._wait_state(present=True, seconds=left)
                time.sleep(min(left, RETRY_SECONDS))
            else:
                return

    def _connect(self) -> None:
        scard = self._scard
        result, card, protocol = scard.SCardConnect(
            self._context, self.reader, scard.SCARD_SHARE_EXCLUSIVE, self._protocols
        )
        if result in _gone(scard):
            raise NoCard(f"no card in {self.reader}")
        _check(result, self.reader)
        self._card, self._protocol = card, self._pci(protocol)

    def _wait_state(self, *, present: bool, seconds: float) -> bool:
        """Wait for a chip to come or go; the answer is whether it did."""
        scard, deadline = self._scard, time.monotonic() + seconds
        state = scard.SCARD_STATE_UNAWARE
        while True:
            left_ms = max(0, min(WAIT_STEP_MS, int((deadline - time.monotonic()) * 1000)))
            step = 0 if state == scard.SCARD_STATE_UNAWARE else left_ms
            result, changes = scard.SCardGetStatusChange(self._context, step, [(self.reader, state)])
            if result != scard.SCARD_E_TIMEOUT:
                _check(result, self.reader)
            state = changes[0][1] & ~scard.SCARD_STATE_CHANGED
            if bool(state & scard.SCARD_STATE_PRESENT) == present:
                return True
            if not left_ms:
                return False
