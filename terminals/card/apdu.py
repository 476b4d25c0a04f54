"""Command APDUs in short form (ISO/IEC 7816-4) and the errors a chip answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from terminals.card.errors import CardError, FormatError
from terminals.card.names import command_name
from terminals.card.status import StatusWord, describe

MAX_LE: Final = 256
MAX_DATA: Final = 255


@dataclass(frozen=True, slots=True)
class Command:
    """One command APDU. `le` is the number of bytes expected (1 to 256), 0 for "all", None for none.

    FormatError when a value does not fit its place; the message never shows the data (PIN, MAC).
    """

    cla: int
    ins: int
    p1: int = 0
    p2: int = 0
    data: bytes = b""
    le: int | None = None

    def __post_init__(self) -> None:
        if not all(0 <= part <= 0xFF for part in (self.cla, self.ins, self.p1, self.p2)):
            raise FormatError("a part of an APDU's header does not fit a byte")
        if len(self.data) > MAX_DATA:
            raise FormatError(f"{self.name}: {len(self.data)} data bytes do not fit a short APDU")
        if self.le is not None and not 0 <= self.le <= MAX_LE:
            raise FormatError(f"{self.name}: Le does not fit a short APDU")

    @property
    def header(self) -> bytes:
        """CLA INS P1 P2."""
        return bytes([self.cla, self.ins, self.p1, self.p2])

    @property
    def name(self) -> str:
        """The command's name in the standards, for messages."""
        return command_name(self.cla, self.ins, self.p1)

    def to_bytes(self) -> bytes:
        """The APDU as sent: header, Lc and data if any, Le if any."""
        body = bytes([len(self.data)]) + self.data if self.data else b""
        tail = b"" if self.le is None else bytes([self.le % MAX_LE])
        return self.header + body + tail

    @classmethod
    def parse(cls, raw: bytes) -> Command:
        """Inverse of `to_bytes`; raises FormatError when the lengths do not add up."""
        if len(raw) < 4:
            raise FormatError("an APDU has at least four bytes")
        (cla, ins, p1, p2), body = raw[:4], raw[4:]
        if len(body) <= 1:
            return cls(cla, ins, p1, p2, le=body[0] if body else None)
        lc, rest = body[0], body[1:]
        if not lc or not lc <= len(rest) <= lc + 1:
            raise FormatError("Lc does not fit the data")
        return cls(cla, ins, p1, p2, rest[:lc], rest[lc] if len(rest) > lc else None)


class ApduError(CardError):
    """A chip refused a command. Carries the command's header and the status word, never the data (PIN, MAC)."""

    def __init__(self, command: Command, sw: int) -> None:
        """Say command, header, status word and its meaning in one sentence."""
        self.command = command.name
        self.sw = sw
        super().__init__(f"{command.name} ({command.header.hex().upper()}) answered {sw:04X}: {describe(sw)}")


class VerificationFailed(ApduError):
    """A PIN or a key's cryptogram was wrong; `tries_left` more before it locks."""

    @property
    def tries_left(self) -> int:
        """Tries that remain, 0 when it is locked."""
        return self.sw & 0x0F if self.sw & 0xFFF0 == 0x63C0 else 0


class WrongPin(VerificationFailed):
    """The PIN was wrong, or is locked."""


class ApplicationBlocked(ApduError):
    """The purse application is blocked; it answers reads but takes no transaction."""


class PermanentlyLocked(ApduError):
    """The application is locked for good; only a new card helps."""


class InsufficientBalance(ApduError):
    """The purse cannot pay the amount, the overdraft limit included."""


class MacRejected(ApduError):
    """The chip found a MAC wrong: other keys, or something on the way changed the data."""


class ProofNotAvailable(ApduError):
    """The transaction of that counter never finished on this chip, or a later one replaced it."""


class RecordNotFound(ApduError):
    """The file holds no such record."""


ERRORS: Final[dict[int, type[ApduError]]] = {
    StatusWord.APPLICATION_BLOCKED: ApplicationBlocked,
    StatusWord.PERMANENTLY_LOCKED: PermanentlyLocked,
    StatusWord.INSUFFICIENT_BALANCE: InsufficientBalance,
    StatusWord.PURSE_MAC_WRONG: MacRejected,
    StatusWord.MAC_WRONG: MacRejected,
    StatusWord.PROOF_NOT_AVAILABLE: ProofNotAvailable,
    StatusWord.RECORD_NOT_FOUND: RecordNotFound,
}


EXTERNAL_AUTHENTICATE: Final = 0x82


def error_for(command: Command, sw: int) -> ApduError:
    """The most telling error for a status word."""
    if sw & 0xFFF0 == 0x63C0 or sw == StatusWord.AUTHENTICATION_BLOCKED:
        kind: type[ApduError] = VerificationFailed if command.ins == EXTERNAL_AUTHENTICATE else WrongPin
    else:
        kind = ERRORS.get(sw, ApduError)
    return kind(command, sw)
