"""Checking a subsidy file against the cards, row by row and yet in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from django.db import connection

from accounts.models import Chart, LedgerAccount
from accounts.services.subsidy_file import Fault, Problem, Row, SubsidyFile, read_subsidy_file
from citizencard.core.pii import Kind, blind_indexes

# The active card of each row, by card number or by its holder's document, and its purse: the account purse if it has one.
_FIND: Final = """
WITH line AS (
    SELECT * FROM unnest(%(rows)s::int[], %(pans)s::text[], %(documents)s::bytea[]) AS line (row, pan, document)
), found AS (
    SELECT line.row, card.id, card.state FROM line JOIN accounts_card AS card ON card.pan = line.pan
    UNION ALL
    SELECT line.row, card.id, card.state FROM line
        JOIN accounts_identitydocument AS document ON document.number_index = line.document AND document.ended_at IS NULL
        JOIN accounts_card AS card ON card.citizen_id = document.citizen_id
), card AS (
    SELECT row, count(*) FILTER (WHERE state = 'active') AS active, min(id) FILTER (WHERE state = 'active') AS id
    FROM found GROUP BY row
)
SELECT line.row, card.active, (
    SELECT purse.id FROM accounts_purse AS purse WHERE purse.card_id = card.id ORDER BY purse.kind LIMIT 1
) FROM line LEFT JOIN card ON card.row = line.row
"""
# Of lines (row, purse, amount), those that cannot be paid and why; what is on its way to a purse counts as there.
_UNPAYABLE: Final = """
SELECT line.row, CASE WHEN card.state <> 'active' THEN 'card_not_active' WHEN account.state <> 'open' THEN 'account_not_open'
    ELSE 'balance_limit' END
FROM unnest(%(rows)s::int[], %(purses)s::bigint[], %(amounts)s::bigint[]) AS line (row, purse, fen)
JOIN accounts_purse AS purse ON purse.id = line.purse
JOIN accounts_card AS card ON card.id = purse.card_id
JOIN accounts_ledgeraccount AS account ON account.id = purse.account_id
WHERE card.state <> 'active' OR account.state <> 'open'
    OR accounts_promised_fen(purse.id) + line.fen > purse.ceiling_fen
ORDER BY line.row
"""
_FIELD: Final = {
    Fault.CARD_NOT_ACTIVE: "holder",
    Fault.ACCOUNT_NOT_OPEN: "holder",
    Fault.BALANCE_LIMIT: "amount",
}


class Line(NamedTuple):
    """A row whose purse is known; amount in fen."""

    row: int
    purse_id: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Checked:
    """A file after every check; `lines` are payable if `problems` is empty."""

    file: SubsidyFile
    payer: LedgerAccount | None
    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]


def check_subsidy_file(content: bytes) -> Checked:
    """The dry run: everything that is wrong with a file, without taking anything. Raises KeyServiceUnavailable."""
    file = read_subsidy_file(content)
    if file.header is None:
        return Checked(file, None, (), file.problems)
    payer = LedgerAccount.objects.filter(code=f"{Chart.SUBSIDY_RECEIVABLE}.{file.header.payer}").first()
    lines, unknown = _found(file.rows)
    problems = [*file.problems, *unknown, *_twice(lines), *unpayable(lines)]
    if payer is None:
        problems.append(Problem(0, "payer", Fault.PAYER_UNKNOWN))
    return Checked(file, payer, tuple(lines), tuple(sorted(problems)))


def unpayable(lines: Sequence[Line]) -> list[Problem]:
    """The lines that cannot be paid as the cards are now: not active, frozen, or no room for the amount."""
    rows, purses, amounts = ([line[column] for line in lines] for column in range(3))
    with connection.cursor() as cursor:
        cursor.execute(_UNPAYABLE, {"rows": rows, "purses": purses, "amounts": amounts})
        faults = [(row, Fault(code)) for row, code in cursor.fetchall()]
    return [Problem(row, _FIELD[fault], fault) for row, fault in faults]


def _found(rows: Sequence[Row]) -> tuple[list[Line], list[Problem]]:
    documents = blind_indexes(
        "accounts_citizen", "document", Kind.DOCUMENT, ["" if row.is_card else row.holder for row in rows]
    )
    pans = [row.holder if row.is_card else None for row in rows]
    indexes = [None if row.is_card else index for row, index in zip(rows, documents, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_FIND, {"rows": [row.row for row in rows], "pans": pans, "documents": indexes})
        purses = {row: (active, purse) for row, active, purse in cursor.fetchall()}
    lines, problems = [], []
    for row in rows:
        active, purse_id = purses[row.row]
        if active == 1:
            lines.append(Line(row.row, purse_id, row.amount_fen))
        else:
            problems.append(Problem(row.row, "holder", _UNFOUND.get(active, Fault.HOLDER_AMBIGUOUS)))
    return lines, problems


_UNFOUND: Final = {None: Fault.HOLDER_UNKNOWN, 0: Fault.CARD_NOT_ACTIVE}
"""By how many active cards a holder has: None if no card at all."""


def _twice(lines: Iterable[Line]) -> list[Problem]:
    """Rows for a purse that an earlier row is for."""
    first: dict[int, int] = {}
    return [
        Problem(line.row, "holder", Fault.HOLDER_TWICE)
        for line in lines
        if first.setdefault(line.purse_id, line.row) != line.row
    ]
