"""The bank's answer to a payment order as `pain.002.001.10`: accepted, rejected, or in part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pyiso20022.pain.pain_002_001_10 import Document, PaymentTransaction105, StatusReasonInformation12

from settlement.bankfiles.iso20022 import fen, from_bytes, whole_fen
from settlement.bankfiles.values import Fault, OrderStatus, Problem, StatusReport, Unreadable

MESSAGE: Final = "pain.002.001.10"
_ACCEPTED: Final = frozenset({"ACCP", "ACSP", "ACSC", "ACTC", "ACCC", "ACWC", "RCVD", "PDNG"})
_REJECTED: Final = "RJCT"
_IN_PART: Final = "PART"


def read_pain002(content: bytes) -> StatusReport:
    """The report, if it says one thing of each order. Raises Unreadable."""
    document, lines = from_bytes(content, Document, "TxInfAndSts")
    group = document.cstmr_pmt_sts_rpt.orgnl_grp_inf_and_sts
    infos = document.cstmr_pmt_sts_rpt.orgnl_pmt_inf_and_sts
    told = [each for info in infos for each in info.tx_inf_and_sts]
    orders = tuple(_status(each, line) for each, line in zip(told, lines, strict=True))
    if len({order.end_to_end_id for order in orders}) != len(orders):
        raise Unreadable(Problem(0, "OrgnlEndToEndId", Fault.TWICE))
    whole = _verdict(group.grp_sts, 0) if group.grp_sts not in (None, _IN_PART) else None
    if whole is not None and any(order.accepted != whole for order in orders):
        raise Unreadable(Problem(0, "GrpSts", Fault.STATUS))
    if whole is None and not orders:
        raise Unreadable(Problem(0, "TxInfAndSts", Fault.COUNT))
    return StatusReport(
        batch=group.orgnl_msg_id,
        accepted=whole,
        reason=_reason(group.sts_rsn_inf),
        count=None if group.orgnl_nb_of_txs is None else int(group.orgnl_nb_of_txs),
        total_fen=whole_fen(group.orgnl_ctrl_sum),
        orders=orders,
    )


def _status(told: PaymentTransaction105, line: int) -> OrderStatus:
    if told.orgnl_end_to_end_id is None:
        raise Unreadable(Problem(line, "OrgnlEndToEndId", Fault.SCHEMA))
    amount = told.orgnl_tx_ref and told.orgnl_tx_ref.amt and told.orgnl_tx_ref.amt.instd_amt
    return OrderStatus(
        line=line,
        end_to_end_id=told.orgnl_end_to_end_id,
        accepted=_verdict(told.tx_sts, line),
        reason=_reason(told.sts_rsn_inf),
        amount_fen=fen(amount, line, "OrgnlTxRef/Amt") if amount else None,
    )


def _verdict(status: str | None, line: int) -> bool:
    if status != _REJECTED and status not in _ACCEPTED:
        raise Unreadable(Problem(line, "TxSts" if line else "GrpSts", Fault.STATUS))
    return status != _REJECTED


def _reason(given: Iterable[StatusReasonInformation12]) -> str:
    words = [
        word
        for each in given
        for word in ((each.rsn and (each.rsn.cd or each.rsn.prtry)) or "", *each.addtl_inf)
    ]
    return " ".join(filter(None, words))[:140]
