"""Proofs for a holder: that a transfer is in its date's tree, that a balance is counted, and both dates in the newest log."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date
from typing import Any, Final

import numpy as np
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import LedgerAccount, Transfer
from citizencard.core import calendar
from citizencard.core.errors import NotFound
from settlement.errors import TreeDiffers
from settlement.merkle import Combine, log_node, path_of, root_of, sum_node
from settlement.models import ProofHead
from settlement.selectors.proof_leaves import (
    BLOCK,
    ID_MAX,
    Numbers,
    purse_leaves,
    purse_salts,
    transfer_chunks,
    transfer_leaves,
    transfer_salts,
)
from settlement.selectors.proofs import log_leaves, newest_head, proved_until, published
from terminals.selectors.statement import StatementLine

logger = logging.getLogger(__name__)
_LINES: Final = {
    "purchase": (Transfer.Kind.PURCHASE, Transfer.Kind.PURCHASE_HELD),
    "load": (Transfer.Kind.TOP_UP_LOADED,),
    "returned": (Transfer.Kind.HELD_RETURNED,),
    "collected": (Transfer.Kind.CLAIM_COLLECTED,),
}
_FIELDS: Final = ("id", "kind", "debit_id", "credit_id", "amount_fen", "journal_id", "source_id")


def transfer_receipt(*, account_ids: Sequence[int], day: date, transfer_id: int) -> dict[str, Any]:
    """The receipt of a transfer of `day` into or out of one of these accounts, for docs/verify/verify.py.

    Raises NotFound for a transfer of others, or one that is not proved yet; TreeDiffers when the ledger is not what was
    proved; KeyServiceError and KeyServiceUnavailable.
    """
    own = Q(debit_id__in=account_ids) | Q(credit_id__in=account_ids)
    transfer = Transfer.objects.filter(own, business_date=day, id=transfer_id).first()
    head = ProofHead.objects.select_related("previous").filter(business_date=day).first()
    if transfer is None or head is None:
        raise NotFound(what=_("A receipt for %(number)s") % {"number": f"{day} #{transfer_id}"})
    firsts, nodes = _blocks(head.transfer_blocks.order_by("first_id").values_list("first_id", "node"))
    number = bisect_right(firsts, transfer_id) - 1
    last = firsts[number + 1] - 1 if number + 1 < len(firsts) else ID_MAX
    (numbers,) = transfer_chunks(day, first=firsts[number], last=last)
    leaves = transfer_leaves(day, numbers, head.salt_version)
    place = int(np.searchsorted(numbers[:, 1], transfer_id))
    salt = transfer_salts(day, np.array([transfer_id]), head.salt_version).tobytes()
    return {
        "kind": "transfer",
        "transfer": {
            "business_date": day.isoformat(),
            **{name.removesuffix("_id"): getattr(transfer, name) for name in _FIELDS},
            "occurred_at": transfer.occurred_at.astimezone(UTC).isoformat(timespec="microseconds"),
        },
        "salt": salt.hex(),
        **_way(head, number, nodes, place, leaves, log_node),
        **_in_log(head),
        "about": _words(transfer),
    }


def balance_proof(*, account_id: int) -> dict[str, Any]:
    """That what a purse held at the close of the newest proved date is part of what the city owes.

    Raises NotFound for a purse that held nothing then, TreeDiffers, KeyServiceError and KeyServiceUnavailable.
    """
    head = newest_head()
    nothing = NotFound(what=_("A balance of this purse in the newest proof"))
    if head is None or not head.purses:
        raise nothing
    day = head.business_date
    salt = purse_salts(day, np.array([account_id]), head.salt_version).tobytes()
    firsts, nodes = _blocks(head.purse_blocks.order_by("first_salt").values_list("first_salt", "node"))
    number = bisect_right([bytes(first) for first in firsts], salt) - 1
    if number < 0:
        raise nothing
    purses = _purses(head, firsts[number])
    places = np.flatnonzero(purses[:, 0] == account_id)
    if not len(places):
        raise nothing
    place = int(places[0])
    leaves = purse_leaves(purses, purse_salts(day, purses[:, 0], head.salt_version))
    return {
        "kind": "balance",
        "balance": {
            "business_date": day.isoformat(),
            "account": account_id,
            "balance_fen": int(purses[place, 1]),
        },
        "salt": salt.hex(),
        **_way(head, number, nodes, place, leaves, sum_node),
        **_in_log(head),
    }


def proved_lines(account_id: int, lines: Sequence[StatementLine]) -> dict[StatementLine, tuple[date, int]]:
    """Which lines of a chip purse's statement have a receipt: business date and id of their transfers. Two queries."""
    if not lines:
        return {}
    until, since = proved_until(), min(calendar.shanghai(line.occurred_at).date() for line in lines)
    own = Q(debit_id=account_id) | Q(credit_id=account_id)
    found = Transfer.objects.filter(
        own, business_date__range=(since, until), source_id__in={line.source_id for line in lines}
    ).values_list("kind", "source_id", "business_date", "id")
    transfers = {(kind, source_id): (day, number) for kind, source_id, day, number in found}
    wanted = {line: [(kind, line.source_id) for kind in _kinds(line)] for line in lines}
    return {
        line: transfers[key]
        for line, keys in wanted.items()
        if (key := next((k for k in keys if k in transfers), None))
    }


def _kinds(line: StatementLine) -> tuple[Transfer.Kind, ...]:
    """What a line may be in the ledger; a purchase without a date of its tap is one settled on evidence."""
    if line.kind == "purchase" and line.business_date is None:
        return (Transfer.Kind.GREY_SETTLED,)
    return _LINES[line.kind]


def _blocks(rows: Any) -> tuple[list[Any], list[bytes]]:
    found = list(rows)
    return [first for first, _node in found], [bytes(node) for _first, node in found]


def _purses(head: ProofHead, first_salt: bytes) -> Numbers:
    """Account and balance (fen) of each purse of a block."""
    leaves = head.purse_blocks.values_list("leaves", flat=True).get(first_salt=first_salt)
    return np.frombuffer(bytes(leaves), ">i8").reshape(-1, 2).astype(np.int64)


def _way(
    head: ProofHead, number: int, nodes: list[bytes], place: int, leaves: list[bytes], combine: Combine
) -> dict[str, Any]:
    """Index and path of leaf `place` of block `number`: up to the block's node, and from there up to the root."""
    if root_of(leaves, combine) != nodes[number]:
        logger.error("proof of %s: block %s is not what was proved", head.business_date, number)
        raise TreeDiffers(date=head.business_date)
    path = [*path_of(leaves, place, combine), *path_of(nodes, number, combine)]
    return {"index": number * BLOCK + place, "path": [node.hex() for node in path]}


def _in_log(head: ProofHead) -> dict[str, Any]:
    """The date's entry, its way up to the root of the newest log, and that log's signed head."""
    newest = newest_head() or head
    return {
        "entry": head.entry,
        "entry_index": head.size - 1,
        "entry_path": [node.hex() for node in path_of(log_leaves(size=newest.size), head.size - 1)],
        **published(newest),
    }


def _words(transfer: Transfer) -> dict[str, str]:
    """What people call these numbers. Nothing of it is proved."""
    accounts = LedgerAccount.objects.in_bulk([transfer.debit_id, transfer.credit_id])
    return {
        "kind": str(Transfer.Kind(transfer.kind).label),
        "debit": str(accounts[transfer.debit_id]),
        "credit": str(accounts[transfer.credit_id]),
    }
