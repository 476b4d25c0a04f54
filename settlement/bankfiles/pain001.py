"""A payment order as `pain.001.001.09`: one debit per payment, Chinese names, branches by their CNAPS code."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from pyiso20022.pain.pain_001_001_09 import (
    AccountIdentification4Choice,
    ActiveOrHistoricCurrencyAndAmount,
    AmountType4Choice,
    BranchAndFinancialInstitutionIdentification6,
    CashAccount38,
    ChargeBearerType1Code,
    ClearingSystemIdentification2Choice,
    ClearingSystemMemberIdentification2,
    CreditTransferTransaction34,
    CustomerCreditTransferInitiationV09,
    DateAndDateTime2Choice,
    Document,
    FinancialInstitutionIdentification18,
    GenericAccountIdentification1,
    GroupHeader85,
    PartyIdentification135,
    PaymentIdentification6,
    PaymentInstruction30,
    PaymentMethod3Code,
    RemittanceInformation16,
)
from xsdata.models.datatype import XmlDate, XmlDateTime

from citizencard.core.calendar import SHANGHAI
from settlement.bankfiles.iso20022 import CURRENCY, fen, from_bytes, to_bytes, yuan
from settlement.bankfiles.values import BankAccount, Fault, Payment, PaymentOrder, Problem, Unreadable

MESSAGE: Final = "pain.001.001.09"
_CLEARING: Final = "CNAPS"
"""ISO's external code for China's national advanced payment system; its member ids are the 12-digit bank codes."""


def write_pain001(order: PaymentOrder) -> bytes:
    """The order's message; the same order gives the same bytes."""
    count, total = str(len(order.payments)), yuan(order.total_fen)
    payer = PartyIdentification135(nm=order.payer.holder)
    header = GroupHeader85(
        msg_id=order.number,
        cre_dt_tm=XmlDateTime.from_datetime(order.made_at.astimezone(SHANGHAI).replace(microsecond=0)),
        nb_of_txs=count,
        ctrl_sum=total,
        initg_pty=payer,
    )
    instruction = PaymentInstruction30(
        pmt_inf_id=order.number,
        pmt_mtd=PaymentMethod3Code.TRF,
        # Each payment is a line of the statement, so that each is matched by itself.
        btch_bookg=False,
        nb_of_txs=count,
        ctrl_sum=total,
        reqd_exctn_dt=DateAndDateTime2Choice(dt=XmlDate.from_date(order.value_date)),
        dbtr=payer,
        dbtr_acct=_account(order.payer),
        dbtr_agt=_branch(order.payer),
        chrg_br=ChargeBearerType1Code.DEBT,
        cdt_trf_tx_inf=[_payment(payment) for payment in order.payments],
    )
    message = CustomerCreditTransferInitiationV09(grp_hdr=header, pmt_inf=[instruction])
    return to_bytes(Document(cstmr_cdt_trf_initn=message), MESSAGE)


def read_pain001(content: bytes) -> PaymentOrder:
    """An order as its receiver reads it, for the sandbox bank and for checks. Raises Unreadable."""
    document, lines = from_bytes(content, Document, "CdtTrfTxInf")
    header, instructions = document.cstmr_cdt_trf_initn.grp_hdr, document.cstmr_cdt_trf_initn.pmt_inf
    if len(instructions) != 1:
        raise Unreadable(Problem(0, "PmtInf", Fault.COUNT))
    instruction = instructions[0]
    payments = tuple(
        _read_payment(each, line) for each, line in zip(instruction.cdt_trf_tx_inf, lines, strict=True)
    )
    order = PaymentOrder(
        number=header.msg_id,
        made_at=datetime.fromisoformat(str(header.cre_dt_tm)),
        value_date=date.fromisoformat(str(instruction.reqd_exctn_dt.dt)),
        payer=_read_account(instruction.dbtr, instruction.dbtr_acct, instruction.dbtr_agt),
        payments=payments,
    )
    if {header.nb_of_txs, instruction.nb_of_txs} != {str(len(payments))}:
        raise Unreadable(Problem(0, "NbOfTxs", Fault.COUNT))
    if {header.ctrl_sum, instruction.ctrl_sum} != {yuan(order.total_fen)}:
        raise Unreadable(Problem(0, "CtrlSum", Fault.SUM))
    return order


def _payment(payment: Payment) -> CreditTransferTransaction34:
    amount = ActiveOrHistoricCurrencyAndAmount(value=yuan(payment.amount_fen), ccy=CURRENCY)
    return CreditTransferTransaction34(
        pmt_id=PaymentIdentification6(instr_id=payment.end_to_end_id, end_to_end_id=payment.end_to_end_id),
        amt=AmountType4Choice(instd_amt=amount),
        cdtr_agt=_branch(payment.payee),
        cdtr=PartyIdentification135(nm=payment.payee.holder),
        cdtr_acct=_account(payment.payee),
        rmt_inf=RemittanceInformation16(ustrd=[payment.note]),
    )


def _account(account: BankAccount) -> CashAccount38:
    other = GenericAccountIdentification1(id=account.number)
    return CashAccount38(id=AccountIdentification4Choice(othr=other), ccy=CURRENCY)


def _branch(account: BankAccount) -> BranchAndFinancialInstitutionIdentification6:
    member = ClearingSystemMemberIdentification2(
        clr_sys_id=ClearingSystemIdentification2Choice(cd=_CLEARING), mmb_id=account.bank_code
    )
    return BranchAndFinancialInstitutionIdentification6(
        fin_instn_id=FinancialInstitutionIdentification18(clr_sys_mmb_id=member)
    )


def _read_payment(given: CreditTransferTransaction34, line: int) -> Payment:
    if given.amt.instd_amt is None or given.rmt_inf is None:
        raise Unreadable(Problem(line, "CdtTrfTxInf", Fault.SCHEMA))
    return Payment(
        end_to_end_id=given.pmt_id.end_to_end_id,
        amount_fen=fen(given.amt.instd_amt, line, "Amt"),
        payee=_read_account(given.cdtr, given.cdtr_acct, given.cdtr_agt),
        note="".join(given.rmt_inf.ustrd),
    )


def _read_account(
    party: PartyIdentification135 | None,
    account: CashAccount38 | None,
    agent: BranchAndFinancialInstitutionIdentification6 | None,
) -> BankAccount:
    number = account.id.othr if account else None
    branch = agent.fin_instn_id.clr_sys_mmb_id if agent else None
    if party is None or number is None or branch is None:
        raise Unreadable(Problem(0, "account", Fault.SCHEMA))
    return BankAccount(holder=party.nm or "", bank_code=branch.mmb_id, number=number.id)
