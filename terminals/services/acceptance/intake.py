"""Before any lock is taken: sort out the records of an upload and have the key service check their TACs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.conf import settings

from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.protocol import RIGHT, UNCHECKED
from terminals.models import Tap, Terminal
from terminals.services.acceptance.bounds import outcomes_beyond
from terminals.services.acceptance.packing import JUDGING, Judging, pack_tac_records
from terminals.services.acceptance.repeats import alone
from terminals.wire.columns import Rows
from terminals.wire.upload import Line, Lines


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Well-formed records of this terminal, and what is known of each before the database is asked.

    `tac_right`: its TAC is its card's. `holding`: the Tap.Outcome that it is to be suspended with if it is genuine, or 0;
    KEY_UNUSABLE where the TAC could not be checked. `alone`: no record of its card repeats another one of the upload.
    """

    rows: Rows
    judging: Judging


@dataclass(frozen=True, slots=True)
class Finding:
    """A record that is not simply accepted: `code` as in `terminals.wire.reasons`, `detail` for whoever looks into it."""

    line: Line
    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload, read and checked as far as this goes without the database."""

    number: str
    digest: bytes
    online: bool
    lines: Lines
    candidates: Candidates
    findings: tuple[Finding, ...]


def read_upload(
    *, terminal: Terminal, number: str, digest: bytes, online: bool, lines: Lines, now: datetime
) -> Upload:
    """Sort out what can be judged; raises KeyServiceUnavailable. One call to the key service, however many records."""
    latest = now + timedelta(seconds=settings.FUTURE_TOLERANCE_SECONDS)
    rows = lines.rows
    strange = lines.good & (rows["terminal_no"] != int(terminal.terminal_no, 16))
    future = lines.good & ~strange & (rows["occurred_at"] > latest.timestamp())
    candidates = rows[lines.good & ~strange & ~future]
    illegal = [
        Finding(lines.line(number), "illegal_data", str(error)) for number, error in lines.errors.items()
    ]
    elsewhere = f"terminal_no: this terminal's is {terminal.terminal_no}"
    too_late = f"occurred_at: the centre's time is {now.isoformat(timespec='seconds')}"
    findings = (
        *illegal,
        *(Finding(lines.line(at), "terminal_mismatch", elsewhere) for at in rows["line"][strange].tolist()),
        *(Finding(lines.line(at), "future", too_late) for at in rows["line"][future].tolist()),
    )
    judging = np.zeros(len(candidates), JUDGING)
    judging["holding"] = outcomes_beyond(terminal=terminal, rows=candidates, now=now)
    judging["alone"] = alone(candidates)
    _check_tacs(candidates, judging)
    return Upload(number, digest, online, lines, Candidates(candidates, judging), findings)


def _check_tacs(rows: Rows, judging: Judging) -> None:
    answer = key_service().verify_purchase_tacs(pack_tac_records(rows)) if len(rows) else b""
    verdicts = np.frombuffer(answer, np.uint8)
    judging["tac_right"] = verdicts == RIGHT
    judging["holding"][verdicts == UNCHECKED] = Tap.Outcome.KEY_UNUSABLE
