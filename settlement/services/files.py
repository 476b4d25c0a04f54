"""Signed settlement files: a manifest for each merchant's statement, made once the date is cleared; files are made again from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.signing import SignPurpose
from settlement.errors import FilesDiffer
from settlement.models import ClearingRun, SettlementFiles, Statement
from settlement.models.files import MANIFEST_FORM
from settlement.models.proofs import canonical, key_id
from settlement.selectors.merchant_files import (
    FORMAT,
    Transfers,
    all_transfers,
    form_of,
    no_transfers,
    statement_file,
    totals_of,
    transfers_file,
)
from terminals.services.publishing import present_key

_SIGNER: Final = "worker"
_STATEMENT, _TRANSFERS, _MANIFEST = "statement.csv", "transfers.csv", "manifest.json"


def sign_due_files() -> list[date]:
    """Sign the manifests of every cleared date that has none yet, oldest first; the dates. Repeating changes nothing.

    Raises KeyServiceError and KeyServiceUnavailable; then the date at which it stopped waits for the next call.
    """
    unsigned = Statement.objects.filter(run__state=ClearingRun.State.CLEARED, files=None)
    days = list(unsigned.order_by("run_id").values_list("run_id", flat=True).distinct())
    for day in days:
        _sign_files(day)
    return days


def settlement_files(files: SettlementFiles) -> dict[str, bytes]:
    """The statement, the transfers and the signed manifest by name, the same bytes each time.

    Raises FilesDiffer when the books no longer give what was signed.
    """
    statement = files.statement
    manifest = json.loads(bytes(files.manifest))
    made = {
        _name(statement, _STATEMENT): statement_file(statement, form=form_of(manifest["totals"])),
        _name(statement, _TRANSFERS): transfers_file(statement),
    }
    signed = {each["name"]: each["sha256"] for each in manifest["files"]}
    if {name: hashlib.sha256(content).hexdigest() for name, content in made.items()} != signed:
        raise FilesDiffer(date=statement.run_id, merchant=statement.merchant.code)
    whole = {"kind": "manifest", "manifest": manifest, "signature": bytes(files.signature).hex()}
    return made | {_name(statement, _MANIFEST): canonical(whole) + b"\n"}


@transaction.atomic
def _sign_files(day: date) -> None:
    seed = present_key(timezone.now()).seed
    service = key_service(_SIGNER)
    public_key = service.public_key(SignPurpose.SETTLEMENT_FILE, version=seed)
    found = {transfers.merchant: transfers for transfers in all_transfers(day)}
    made = []
    for statement in _unsigned(day):
        code = statement.merchant.code
        manifest = canonical(_manifest(statement, found.get(code) or no_transfers(code), public_key))
        signature = service.sign(SignPurpose.SETTLEMENT_FILE, MANIFEST_FORM + manifest, version=seed)
        made.append(
            SettlementFiles(
                statement=statement, manifest=manifest, seed=seed, public_key=public_key, signature=signature
            )
        )
    SettlementFiles.objects.bulk_create(made, ignore_conflicts=True)


def _unsigned(day: date) -> Iterator[Statement]:
    statements = Statement.objects.filter(run_id=day, files=None).select_related("merchant")
    return statements.order_by("merchant__code").iterator()


def _manifest(statement: Statement, transfers: Transfers, public_key: bytes) -> dict[str, Any]:
    content = statement_file(statement, form=FORMAT)
    moved = {"rows": transfers.rows, "credit_fen": transfers.credit_fen, "debit_fen": transfers.debit_fen}
    return {
        "date": statement.run_id.isoformat(),
        "merchant": statement.merchant.code,
        "totals": totals_of(statement) | moved,
        "files": [
            _file(statement, _STATEMENT, len(content), hashlib.sha256(content).hexdigest()),
            _file(statement, _TRANSFERS, transfers.bytes, transfers.sha256),
        ],
        "key_id": key_id(public_key),
    }


def _file(statement: Statement, name: str, length: int, sha256: str) -> dict[str, Any]:
    return {"name": _name(statement, name), "bytes": length, "sha256": sha256}


def _name(statement: Statement, name: str) -> str:
    return f"{statement.run_id}-{statement.merchant.code}-{name}"
