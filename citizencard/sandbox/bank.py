"""The sandbox bank: what a bank answers to a payment order, as files. No money moves and nothing is remembered.

It books every payment on the value date, and rejects those to account numbers that end in 0000 as closed (AC04).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from pyiso20022.camt import camt_053_001_08 as camt
from pyiso20022.pain import pain_002_001_10 as pain
from xsdata.models.datatype import XmlDate, XmlDateTime

from citizencard.core.calendar import SHANGHAI
from settlement.bankfiles import camt053 as statement_format
from settlement.bankfiles import pain002 as status_format
from settlement.bankfiles.iso20022 import CURRENCY, to_bytes, yuan
from settlement.bankfiles.pain001 import MESSAGE, read_pain001
from settlement.bankfiles.values import Payment, PaymentOrder

CLOSED_ENDING: Final = "0000"
CLOSED: Final = "AC04"


@dataclass(frozen=True)
class Booking:
    """One line of a statement to be: fen, positive came in; `returned` is the reason of a payment given back."""

    signed_fen: int
    end_to_end_id: str = ""
    reference: str = ""
    note: str = ""
    returned: str = ""


def answer(content: bytes, *, opening_fen: int, receipts: Sequence[Booking] = ()) -> tuple[bytes, bytes]:
    """The status report and the statement of the value date for a payment order. Raises Unreadable.

    `receipts` come in before the payments go out.
    """
    order = read_pain001(content)
    rejected = [each for each in order.payments if each.payee.number.endswith(CLOSED_ENDING)]
    booked = [
        Booking(-payment.amount_fen, end_to_end_id=payment.end_to_end_id)
        for payment in order.payments
        if payment not in rejected
    ]
    statement = camt053(
        [*receipts, *booked],
        number=f"S-{order.number}",
        account=order.payer.number,
        day=order.value_date,
        opening_fen=opening_fen,
    )
    return pain002(order, rejected), statement


def pain002(order: PaymentOrder, rejected: Sequence[Payment], *, reason: str = CLOSED) -> bytes:
    """The status report of an order: accepted, but for `rejected`."""
    group = "RJCT" if len(rejected) == len(order.payments) else "PART" if rejected else "ACCP"
    header = pain.GroupHeader86(msg_id=f"R-{order.number}", cre_dt_tm=_moment(order.value_date))
    original = pain.OriginalGroupHeader17(
        orgnl_msg_id=order.number,
        orgnl_msg_nm_id=MESSAGE,
        orgnl_nb_of_txs=str(len(order.payments)),
        orgnl_ctrl_sum=yuan(order.total_fen),
        grp_sts=group,
    )
    told = [
        pain.PaymentTransaction105(
            orgnl_end_to_end_id=payment.end_to_end_id,
            tx_sts="RJCT",
            sts_rsn_inf=[pain.StatusReasonInformation12(rsn=pain.StatusReason6Choice(cd=reason))],
        )
        for payment in rejected
    ]
    infos = (
        [pain.OriginalPaymentInstruction32(orgnl_pmt_inf_id=order.number, tx_inf_and_sts=told)]
        if told
        else []
    )
    report = pain.CustomerPaymentStatusReportV10(
        grp_hdr=header, orgnl_grp_inf_and_sts=original, orgnl_pmt_inf_and_sts=infos
    )
    return to_bytes(pain.Document(cstmr_pmt_sts_rpt=report), status_format.MESSAGE)


def camt053(bookings: Sequence[Booking], *, number: str, account: str, day: date, opening_fen: int) -> bytes:
    """A statement of one date."""
    amounts = [booking.signed_fen for booking in bookings]
    credits, debits = [fen for fen in amounts if fen > 0], [-fen for fen in amounts if fen < 0]
    statement = camt.AccountStatement9(
        id=number,
        cre_dt_tm=_moment(day),
        acct=camt.CashAccount39(
            id=camt.AccountIdentification4Choice(othr=camt.GenericAccountIdentification1(id=account)),
            ccy=CURRENCY,
        ),
        bal=[
            _balance("OPBD", opening_fen, day),
            _balance("CLBD", opening_fen + sum(amounts), day),
        ],
        txs_summry=camt.TotalTransactions6(
            ttl_ntries=camt.NumberAndSumOfTransactions4(
                nb_of_ntries=str(len(amounts)), sum=yuan(sum(map(abs, amounts)))
            ),
            ttl_cdt_ntries=_total(credits),
            ttl_dbt_ntries=_total(debits),
        ),
        ntry=[_entry(row, booking, day) for row, booking in enumerate(bookings, 1)],
    )
    header = camt.GroupHeader81(msg_id=number, cre_dt_tm=_moment(day))
    message = camt.BankToCustomerStatementV08(grp_hdr=header, stmt=[statement])
    return to_bytes(camt.Document(bk_to_cstmr_stmt=message), statement_format.MESSAGE)


def _entry(row: int, booking: Booking, day: date) -> camt.ReportEntry10:
    when = camt.DateAndDateTime2Choice(dt=XmlDate.from_date(day))
    reason = camt.ReturnReason5Choice(cd=booking.returned)
    details = camt.EntryTransaction10(
        refs=camt.TransactionReferences6(end_to_end_id=booking.end_to_end_id or "NOTPROVIDED"),
        rtr_inf=camt.PaymentReturnReason5(rsn=reason) if booking.returned else None,
        rmt_inf=camt.RemittanceInformation16(ustrd=[booking.note]) if booking.note else None,
    )
    return camt.ReportEntry10(
        ntry_ref=str(row),
        amt=_amount(abs(booking.signed_fen)),
        cdt_dbt_ind=_side(booking.signed_fen),
        sts=camt.EntryStatus1Choice(cd="BOOK"),
        bookg_dt=when,
        val_dt=when,
        acct_svcr_ref=booking.reference or None,
        bk_tx_cd=camt.BankTransactionCodeStructure4(
            prtry=camt.ProprietaryBankTransactionCodeStructure1(cd="TRF")
        ),
        ntry_dtls=[camt.EntryDetails9(tx_dtls=[details])],
    )


def _balance(code: str, signed_fen: int, day: date) -> camt.CashBalance8:
    return camt.CashBalance8(
        tp=camt.BalanceType13(cd_or_prtry=camt.BalanceType10Choice(cd=code)),
        amt=_amount(abs(signed_fen)),
        cdt_dbt_ind=_side(signed_fen),
        dt=camt.DateAndDateTime2Choice(dt=XmlDate.from_date(day)),
    )


def _total(amounts: Sequence[int]) -> camt.NumberAndSumOfTransactions1:
    return camt.NumberAndSumOfTransactions1(nb_of_ntries=str(len(amounts)), sum=yuan(sum(amounts)))


def _amount(amount_fen: int) -> camt.ActiveOrHistoricCurrencyAndAmount:
    return camt.ActiveOrHistoricCurrencyAndAmount(value=yuan(amount_fen), ccy=CURRENCY)


def _side(signed_fen: int) -> camt.CreditDebitCode:
    return camt.CreditDebitCode.CRDT if signed_fen >= 0 else camt.CreditDebitCode.DBIT


def _moment(day: date) -> XmlDateTime:
    return XmlDateTime.from_datetime(datetime.combine(day, time(18), SHANGHAI))
