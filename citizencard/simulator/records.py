"""Tap records as terminals keep them: of true taps, of forgers, and of lines that nobody can read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, Protocol

import numpy as np
from django.conf import settings

from accounts.services.cards import PAN_PREFIX
from citizencard.simulator.chance import Ints
from citizencard.simulator.uploads import Form
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from terminals.wire.txn import build_txn

FORGED_SEQUENCES: Final = 1_000_000
"""So far above the SAM's own are those that a forger makes up."""
RAISED_FEN: Final = 100
_OTHER_TAC: Final = 0xA5A5A5A5
_NOBODYS: Final = 99_000_000_000
"""Card numbers from here down were never issued."""


class Mint(Protocol):
    """Where true records come from: real chips, or arrays that compute what chips would."""

    def records(self, taps: Ints) -> list[TapRecord]:
        """One for each of these taps of the plan."""


def write_lines(mint: Mint, taps: Ints, forms: Ints) -> list[TapRecord]:
    """The records of an upload's lines. An illegal one is a true one, to be broken when it is written."""
    return [
        _WRITERS[Form(form)](record) for record, form in zip(mint.records(taps), forms.tolist(), strict=True)
    ]


def build_body(number: str, records: Sequence[TapRecord], forms: Ints, *, fixed_columns: bool) -> bytes:
    """The batch as its terminal sends it; illegal lines are torn in the middle."""
    body = (build_txn if fixed_columns else build_batch)(number, records)
    broken = np.flatnonzero(forms == Form.ILLEGAL)
    return _torn(body, broken.tolist()) if len(broken) else body


def wrong_header(body: bytes) -> bytes:
    """The same batch with one record less than its header says."""
    first, _, rest = body.partition(b"\n")
    return first + b"\n" + rest.partition(b"\n")[2]


def _torn(body: bytes, records: Iterable[int]) -> bytes:
    lines = body.split(b"\n")
    for at in records:
        line = lines[at + 1].decode()
        lines[at + 1] = line[: len(line) // 2].encode()
    return b"\n".join(lines)


def _as_it_is(record: TapRecord) -> TapRecord:
    return record


def _forged(record: TapRecord) -> TapRecord:
    """A purchase made up inside a device: everything is plausible but the TAC."""
    sequence, atc = record.terminal_seq + FORGED_SEQUENCES, (record.atc + 1) % 0x1_0000
    return replace(record, terminal_seq=sequence, atc=atc, tac=_wrong(record.tac))


def _altered(record: TapRecord) -> TapRecord:
    return replace(record, amount_fen=record.amount_fen + RAISED_FEN)


def _of_nobody(record: TapRecord) -> TapRecord:
    """A card of ours by its number, but none that was issued."""
    number = _NOBODYS - int(record.card_no[-11:])
    return replace(
        record,
        card_no=f"{PAN_PREFIX}{settings.ISSUER_CODE}{number:011d}",
        terminal_seq=record.terminal_seq + FORGED_SEQUENCES,
    )


def _wrong(tac: str) -> str:
    return f"{int(tac, 16) ^ _OTHER_TAC:08X}"


_WRITERS: Final = {
    Form.TRUE: _as_it_is,
    Form.FORGED: _forged,
    Form.ALTERED: _altered,
    Form.UNKNOWN: _of_nobody,
    Form.ILLEGAL: _as_it_is,
}
