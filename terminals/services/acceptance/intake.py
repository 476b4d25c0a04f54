"""Before any lock is taken: read the records of an upload and have the key service check their TACs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.protocol import pack_tac_record
from terminals.models import Terminal
from terminals.wire.batch import Line
from terminals.wire.record import TapRecord

SERIAL_DIGITS: Final = 16
"""Rightmost digits of the card number: the serial that TAC keys are diversified by."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A well-formed record of this terminal, and whether its TAC is the card's."""

    line: Line
    record: TapRecord
    tac_right: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """A record that is not simply accepted: `code` as in `terminals.wire.reasons`, `detail` for whoever looks into it."""

    line: Line
    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload, read and checked as far as this goes without the database."""

    terminal: Terminal
    number: str
    digest: bytes
    online: bool
    lines: tuple[Line, ...]
    candidates: tuple[Candidate, ...]
    findings: tuple[Finding, ...]

    @property
    def total_fen(self) -> int:
        """Sum of the records that could be read."""
        return sum(line.record.amount_fen for line in self.lines if line.record)


def read_upload(
    *, terminal: Terminal, number: str, digest: bytes, online: bool, lines: tuple[Line, ...], now: datetime
) -> Upload:
    """Sort out what can be judged; raises KeyServiceUnavailable. One call to the key service, however many records."""
    latest = now + timedelta(seconds=settings.FUTURE_TOLERANCE_SECONDS)
    findings: list[Finding] = []
    plausible: list[tuple[Line, TapRecord]] = []
    for line in lines:
        if line.record is None:
            findings.append(Finding(line, "illegal_data", str(line.error)))
        elif line.record.terminal_no != terminal.terminal_no:
            findings.append(
                Finding(line, "terminal_mismatch", f"terminal_no: this terminal's is {terminal.terminal_no}")
            )
        elif line.record.occurred_at > latest:
            findings.append(
                Finding(
                    line, "future", f"occurred_at: the centre's time is {now.isoformat(timespec='seconds')}"
                )
            )
        else:
            plausible.append((line, line.record))
    verdicts = verify_tacs(record for _, record in plausible)
    candidates = tuple(
        Candidate(line, record, bool(verdict))
        for (line, record), verdict in zip(plausible, verdicts, strict=True)
    )
    return Upload(terminal, number, digest, online, lines, candidates, tuple(findings))


def verify_tacs(records: Iterable[TapRecord]) -> bytes:
    """One byte per record: 1 when the TAC is right."""
    packed = b"".join(
        pack_tac_record(
            serial8=bytes.fromhex(record.card_no[-SERIAL_DIGITS:]),
            key_version=record.key_version,
            amount_fen=record.amount_fen,
            kind=record.type,
            terminal_no6=bytes.fromhex(record.terminal_no),
            terminal_seq=record.terminal_seq,
            when=record.occurred_at,
            tac4=bytes.fromhex(record.tac),
        )
        for record in records
    )
    return key_service().verify_purchase_tacs(packed) if packed else b""
