"""The smart card service (PC/SC) through pyscard: one place for its result codes and for the choice of a reader.

pyscard is imported on first use: without it the rest of the program still works.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from terminals.card.errors import CardRemoved, NoCard, TransportError
from terminals.readers.errors import AmbiguousReader, MuteCard, NoReader, NoService, ReaderInUse


def scard() -> ModuleType:
    """The bare binding of winscard.h in pyscard; NoService when it is not installed."""
    try:
        from smartcard import scard as binding
    except ImportError as error:
        raise NoService("pyscard is not installed; use the in-process card instead") from error
    module: ModuleType = binding
    return module


def _service_trouble(codes: ModuleType) -> dict[int, str]:
    """What is wrong with the service itself, by result code."""
    stopped = "the smart card service is not running: start pcscd"
    return {
        codes.SCARD_E_NO_SERVICE: stopped,
        codes.SCARD_E_SERVICE_STOPPED: stopped,
        codes.SCARD_F_COMM_ERROR: stopped,
        # Also what a wait is answered with in the moment the service ends.
        codes.SCARD_W_SECURITY_VIOLATION: "the smart card service is ending or refuses this user: start pcscd, or allow the user",
        codes.SCARD_E_INVALID_HANDLE: "the smart card service was started anew: connect again",
    }


def check(result: int, what: str) -> None:
    """Turn a result code into the error that says what to do; `what` names the reader."""
    codes = scard()
    if result == codes.SCARD_S_SUCCESS:
        return
    reason = f"{what}: {codes.SCardGetErrorMessage(result).strip()}"
    if result in (trouble := _service_trouble(codes)):
        raise NoService(trouble[result])
    if result == codes.SCARD_E_NO_READERS_AVAILABLE:
        raise NoReader("no smart card reader is connected")
    if result in (codes.SCARD_E_UNKNOWN_READER, codes.SCARD_E_READER_UNAVAILABLE):
        raise NoReader(f"{what} was unplugged")
    if result == codes.SCARD_E_SHARING_VIOLATION:
        raise ReaderInUse(f"another program is using {what}")
    if result in (codes.SCARD_W_UNRESPONSIVE_CARD, codes.SCARD_E_PROTO_MISMATCH):
        raise MuteCard(f"the card in {what} does not answer to reset as a chip card does")
    if result == codes.SCARD_E_NO_SMARTCARD:
        raise NoCard(f"no card in {what}")
    if result in _left(codes):
        raise CardRemoved(f"the card was pulled before it answered ({reason})")
    raise TransportError(reason)


def _left(codes: ModuleType) -> tuple[int, ...]:
    """Codes of a chip that left, or was reset by somebody else, with its answer unknown."""
    return (
        codes.SCARD_W_REMOVED_CARD,
        codes.SCARD_W_RESET_CARD,
        codes.SCARD_W_UNPOWERED_CARD,
        codes.SCARD_E_NOT_TRANSACTED,
    )


@contextmanager
def service() -> Iterator[Any]:
    """A connection to the service (a PC/SC context)."""
    codes = scard()
    result, context = codes.SCardEstablishContext(codes.SCARD_SCOPE_SYSTEM)
    check(result, "PC/SC")
    try:
        yield context
    finally:
        codes.SCardReleaseContext(context)


def reader_names(context: Any) -> list[str]:
    """Names of the connected readers; empty when there is none."""
    codes = scard()
    result, names = codes.SCardListReaders(context, [])
    if result == codes.SCARD_E_NO_READERS_AVAILABLE:
        return []
    check(result, "list of readers")
    return list(names)


def choose_reader(names: Sequence[str], wanted: str) -> str:
    """The reader called `wanted`, or else the only one whose name contains it; nothing wanted means the first.

    Raises NoReader, naming those there are, and AmbiguousReader, naming those that fit.
    """
    if not names:
        raise NoReader("no smart card reader is connected")
    if wanted in names:
        return wanted
    fitting = [name for name in names if wanted in name]
    if not fitting:
        raise NoReader(f"no reader's name contains {wanted!r}; there are: {', '.join(names)}")
    if wanted and len(fitting) > 1:
        raise AmbiguousReader(f"several readers' names contain {wanted!r}: {', '.join(fitting)}")
    return fitting[0]
