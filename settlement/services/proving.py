"""Proving a sealed business date: the trees over its transfers and over its purses, and the signed head of the log of dates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Chart, LedgerAccount
from accounts.selectors.balances import account_balance_fen
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.signing import SignPurpose
from settlement.errors import DayNotSealed, LiabilitiesDiffer
from settlement.locks import lock_proofs
from settlement.merkle import EMPTY, EMPTY_SUM, HASH_BYTES, log_leaf, root_of, sum_node, sum_of
from settlement.models import ProofHead
from settlement.models.proofs import canonical
from settlement.selectors.proof_leaves import Numbers, purse_blocks, purses_at_close, transfer_blocks
from settlement.selectors.proofs import log_leaves, newest_head, next_provable_day
from terminals.services.publishing import present_key

_SIGNER: Final = "worker"
"""The role that signs heads, whoever starts the run."""
_CONTROLS: Final = (Chart.PURSE_REAL_NAME, Chart.PURSE_ANONYMOUS, Chart.PURSE_ACCOUNT)


def prove_day(*, day: date) -> ProofHead:
    """The head of a sealed business date, made now if need be, after those of the dates before it.

    Raises DayNotSealed, LiabilitiesDiffer, KeyServiceError and KeyServiceUnavailable; then nothing is kept of the date at
    which it stopped, and the next call tries again.
    """
    prove_due_days(until=day)
    head = ProofHead.objects.select_related("previous").filter(business_date=day).first()
    if head is None:
        raise DayNotSealed(date=day)
    return head


def prove_due_days(*, until: date = date.max) -> list[ProofHead]:
    """Prove the sealed dates that are not proved yet, oldest first, each in a transaction; stops before one not sealed."""
    made: list[ProofHead] = []
    while (head := _prove_next(until)) is not None:
        made.append(head)
    return made


@transaction.atomic
def _prove_next(until: date) -> ProofHead | None:
    lock_proofs()
    previous = newest_head()
    day = next_provable_day(after=previous.business_date if previous else date.min)
    return _prove(day, previous) if day is not None and day <= until else None


def _prove(day: date, previous: ProofHead | None) -> ProofHead:
    now = timezone.now()
    seed = present_key(now).seed
    service = key_service(_SIGNER)
    head = ProofHead(
        size=previous.size + 1 if previous else 1,
        previous=previous,
        business_date=day,
        made_at=now,
        salt_version=service.proof_key_version(),
        seed=seed,
        public_key=service.public_key(SignPurpose.TREE_HEAD, version=seed),
    )
    _hash_transfers(head)
    _hash_purses(head, purses_at_close(day))
    head.log_root = root_of([*log_leaves(), log_leaf(canonical(head.entry))])
    head.digest = hashlib.sha256(head.statement).digest()
    head.signature = service.sign(SignPurpose.TREE_HEAD, head.statement, version=seed)
    head.save(force_insert=True)
    return head


def _hash_transfers(head: ProofHead) -> None:
    blocks = list(transfer_blocks(head.business_date, head.salt_version))
    _keep(head, "transferblock (head_id, first_id, node)", ((first, node) for first, _count, node in blocks))
    head.transfers = sum(count for _first, count, _node in blocks)
    head.transfers_root = root_of([node for _first, _count, node in blocks]) if blocks else EMPTY


def _hash_purses(head: ProofHead, purses: Numbers) -> None:
    """Purses below nought are claims of the city's, outside of the tree; with them it adds up to the control accounts."""
    day, owed = head.business_date, purses[purses[:, 1] > 0]
    head.claims_fen = -int(purses[purses[:, 1] < 0, 1].sum())
    nodes: list[bytes] = []

    def rows() -> Iterable[tuple[bytes, bytes, bytes]]:
        for first, node, leaves in purse_blocks(day, owed, head.salt_version):
            nodes.append(node)
            yield first, node, leaves

    _keep(head, "purseblock (head_id, first_salt, node, leaves)", rows())
    root = root_of(nodes, sum_node) if nodes else EMPTY_SUM
    head.purses, head.purses_root, head.liabilities_fen = len(owed), root[:HASH_BYTES], sum_of(root)
    purses_fen = head.liabilities_fen - head.claims_fen
    if purses_fen != (ledger_fen := _control_fen(day)):
        raise LiabilitiesDiffer(date=day, purses_fen=purses_fen, ledger_fen=ledger_fen)


def _control_fen(day: date) -> int:
    """What the ledger says that the city owes its purses at the close of `day`."""
    controls = LedgerAccount.objects.filter(code__in=_CONTROLS).values_list("pk", flat=True)
    return sum(account_balance_fen(account_id, at=day) for account_id in controls)


def _keep(head: ProofHead, where: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Write blocks before their head, which must be there when the transaction ends."""
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(f"COPY settlement_{where} FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row((head.size, *row))
