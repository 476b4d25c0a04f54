"""An account statement as `camt.053.001.08`: balances, and every booked entry with what it refers to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pyiso20022.camt.camt_053_001_08 import (
    AccountStatement9,
    CashBalance8,
    CreditDebitCode,
    Document,
    EntryTransaction10,
    ReportEntry10,
)

from settlement.bankfiles.iso20022 import CURRENCY, day_of, fen, from_bytes, positive_fen, whole_fen
from settlement.bankfiles.values import AccountStatement, Fault, Problem, StatementLine, Unreadable

MESSAGE: Final = "camt.053.001.08"
_OPENING: Final = ("OPBD", "PRCD")
_CLOSING: Final = ("CLBD",)
_BOOKED: Final = "BOOK"
_NO_REFERENCE: Final = "NOTPROVIDED"
"""What ISO 20022 writes where an end-to-end id is required and there is none."""


def read_camt053(content: bytes) -> AccountStatement:
    """The one statement of a message, if everything in it adds up. Raises Unreadable."""
    document, at = from_bytes(content, Document, "Ntry")
    statements = document.bk_to_cstmr_stmt.stmt
    if len(statements) != 1:
        raise Unreadable(Problem(0, "Stmt", Fault.COUNT))
    given = statements[0]
    opening, closing = _balance(given, _OPENING), _balance(given, _CLOSING)
    day = day_of(closing.dt)
    if day is None:
        raise Unreadable(Problem(0, "Bal/Dt", Fault.DATE))
    statement = AccountStatement(
        number=given.id,
        account=_number(given),
        day=day,
        opening_fen=_signed_balance(opening),
        closing_fen=_signed_balance(closing),
        lines=tuple(
            line for entry, begins in zip(given.ntry, at, strict=True) for line in _lines(entry, begins)
        ),
    )
    _check_totals(given, statement)
    return statement


def _balance(statement: AccountStatement9, codes: tuple[str, ...]) -> CashBalance8:
    found = [balance for balance in statement.bal if balance.tp.cd_or_prtry.cd in codes]
    if len(found) != 1:
        raise Unreadable(Problem(0, "Bal", Fault.BALANCE))
    return found[0]


def _signed_balance(balance: CashBalance8) -> int:
    if balance.amt.ccy != CURRENCY:
        raise Unreadable(Problem(0, "Bal/Amt", Fault.CURRENCY))
    amount_fen = whole_fen(balance.amt.value)
    if amount_fen is None:
        raise Unreadable(Problem(0, "Bal/Amt", Fault.AMOUNT))
    return amount_fen if balance.cdt_dbt_ind is CreditDebitCode.CRDT else -amount_fen


def _number(statement: AccountStatement9) -> str:
    other = statement.acct.id.othr
    if other is None or statement.acct.ccy not in (None, CURRENCY):
        raise Unreadable(Problem(0, "Acct", Fault.WRONG_ACCOUNT))
    return str(other.id)


def _lines(entry: ReportEntry10, at: int) -> Iterator[StatementLine]:
    """An entry is one line, or one for each of its transactions where it says their amounts."""
    if entry.sts.cd != _BOOKED:
        raise Unreadable(Problem(at, "Ntry/Sts", Fault.NOT_BOOKED))
    if day_of(entry.bookg_dt) is None:
        raise Unreadable(Problem(at, "Ntry/BookgDt", Fault.DATE))
    amount_fen = fen(entry.amt, at, "Ntry/Amt")
    parts = [part for details in entry.ntry_dtls for part in details.tx_dtls]
    if len(parts) < 2:
        part = parts[0] if parts else EntryTransaction10()
        if part.amt is not None and fen(part.amt, at, "TxDtls/Amt") != amount_fen:
            raise Unreadable(Problem(at, "TxDtls/Amt", Fault.SUM))
        yield _line(entry, part, amount_fen, at)
        return
    amounts = [fen(part.amt, at, "TxDtls/Amt") if part.amt else 0 for part in parts]
    if sum(amounts) != amount_fen or not all(amounts):
        raise Unreadable(Problem(at, "Ntry/Amt", Fault.SUM))
    for part, part_fen in zip(parts, amounts, strict=True):
        yield _line(entry, part, part_fen, at)


def _line(entry: ReportEntry10, part: EntryTransaction10, amount_fen: int, at: int) -> StatementLine:
    booked_on = day_of(entry.bookg_dt)
    if booked_on is None or part.cdt_dbt_ind not in (None, entry.cdt_dbt_ind):
        raise Unreadable(Problem(at, "TxDtls/CdtDbtInd", Fault.SCHEMA))
    named = part.refs.end_to_end_id if part.refs and part.refs.end_to_end_id else ""
    texts = part.rmt_inf.ustrd if part.rmt_inf else []
    reason = part.rtr_inf and part.rtr_inf.rsn
    return StatementLine(
        line=at,
        signed_fen=amount_fen if entry.cdt_dbt_ind is CreditDebitCode.CRDT else -amount_fen,
        booked_on=booked_on,
        valued_on=day_of(entry.val_dt) or booked_on,
        reference=(part.refs and part.refs.acct_svcr_ref) or entry.acct_svcr_ref or entry.ntry_ref or "",
        end_to_end_id="" if named == _NO_REFERENCE else named,
        note=(" ".join(texts) or part.addtl_tx_inf or entry.addtl_ntry_inf or "")[:140],
        return_reason=((reason.cd or reason.prtry or "") if reason else "") if part.rtr_inf else None,
    )


def _check_totals(given: AccountStatement9, statement: AccountStatement) -> None:
    """What the statement says of itself is what its lines come to. Raises Unreadable."""
    amounts = [line.signed_fen for line in statement.lines]
    if statement.opening_fen + sum(amounts) != statement.closing_fen:
        raise Unreadable(Problem(0, "Bal", Fault.SUM))
    summary = given.txs_summry
    if summary is None:
        raise Unreadable(Problem(0, "TxsSummry", Fault.COUNT))
    entries = {
        side: [
            positive_fen(entry.amt.value, 0, "Ntry/Amt") for entry in given.ntry if entry.cdt_dbt_ind is side
        ]
        for side in CreditDebitCode
    }
    every = [amount for side in entries.values() for amount in side]
    for name, told, found in (
        ("TtlNtries", summary.ttl_ntries, every),
        ("TtlCdtNtries", summary.ttl_cdt_ntries, entries[CreditDebitCode.CRDT]),
        ("TtlDbtNtries", summary.ttl_dbt_ntries, entries[CreditDebitCode.DBIT]),
    ):
        if told is None or told.nb_of_ntries != str(len(found)):
            raise Unreadable(Problem(0, f"TxsSummry/{name}/NbOfNtries", Fault.COUNT))
        if whole_fen(told.sum) != sum(found):
            raise Unreadable(Problem(0, f"TxsSummry/{name}/Sum", Fault.SUM))
