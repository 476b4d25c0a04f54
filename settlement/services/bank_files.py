"""Files to and from the bank, kept as their bytes were: sealed, because they name people and their accounts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from citizencard.core.audit import record_audit
from citizencard.core.pii import SealedField, reveal_many, seal_many
from settlement.bankfiles.values import Problem
from settlement.errors import FileChanged
from settlement.models import BankFile, PayoutBatch

_TABLE: Final = "settlement_bankfile"
_PIECE: Final = 1_000_000
"""Characters sealed at once: a call to the key service carries less than 4 MiB."""


def sealed_file(content: bytes) -> BankFile:
    """A file ready to be kept, not yet in the database: sealing waits for nobody's lock."""
    pk = uuid4()
    text = base64.b64encode(content).decode()
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    sealed = [
        seal_many([(_TABLE, "content", _place(pk, number), piece)])[0] for number, piece in enumerate(pieces)
    ]
    return BankFile(pk=pk, sha256=hashlib.sha256(content).digest(), size=len(content), content_sealed=sealed)


def keep_file(
    file: BankFile,
    *,
    kind: str,
    actor: str,
    at: datetime,
    batch: PayoutBatch | None = None,
    problems: Sequence[Problem] = (),
) -> BankFile:
    """Write down a sealed file, in the caller's transaction; with `problems` it is evidence of a refusal."""
    file.kind, file.actor, file.at, file.batch = kind, actor, at, batch
    file.problems = [problem.as_json() for problem in problems]
    file.save(force_insert=True)
    return file


def open_file(*, file: BankFile, actor: str, reason: str) -> bytes:
    """The file's bytes, the same every time. Raises FileChanged. Audited."""
    fields = [
        SealedField(_TABLE, "content", _place(file.pk, number), bytes(sealed))
        for number, sealed in enumerate(file.content_sealed)
    ]
    content = base64.b64decode("".join(text for field in fields for text in reveal_many([field])))
    if hashlib.sha256(content).digest() != bytes(file.sha256):
        raise FileChanged(file=file.pk)
    record_audit(
        actor=actor,
        action="bank_file.open",
        subject=f"bank_file:{file.pk}",
        detail={"sha256": bytes(file.sha256).hex(), "reason": reason},
    )
    return content


def _place(pk: UUID, number: int) -> str:
    return f"{pk}:{number}"
