"""The rows of a settlement document, before they become cells.

The document is for Chinese accounts: its headings are Chinese whatever language the reader's screen has.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.utils import translation

from citizencard.core.models import BusinessDay
from citizencard.core.money import YUAN_FEN
from settlement.models import ClearingRun
from settlement.selectors.figures import Amounts, DayReport, MerchantLine
from terminals.models import Channel, Tap
from terminals.wire.reasons import REASONS

Cell = str | int | Decimal
LANGUAGE: Final = "zh-hans"
TITLE: Final = "市民卡商户结算单"
MERCHANT_HEADINGS: Final = (
    "商户编号",
    "商户名称",
    "渠道",
    "费率（‱）",
    "刷卡笔数",
    "线上笔数",
    "线上金额（元）",
    "交易金额（元）",
    "手续费（元）",
    "调账金额（元）",
    "结算净额（元）",
    "挂账笔数",
    "挂账金额（元）",
)
CHANNEL_HEADINGS: Final = ("渠道", "商户数", *MERCHANT_HEADINGS[4:])
SUSPENDED_HEADINGS: Final = ("挂账原因", "笔数", "金额（元）")
REFUSED_HEADINGS: Final = ("拒收原因", "记录数")
TOTAL: Final = "合计"
_CENT: Final = Decimal("0.01")


def yuan(amount_fen: int) -> Decimal:
    """Fen as yuan with exactly two decimals, for a cell."""
    return (Decimal(amount_fen) / YUAN_FEN).quantize(_CENT)


def merchant_rows(report: DayReport) -> list[tuple[Cell, ...]]:
    """One row per merchant under MERCHANT_HEADINGS."""
    return [
        (line.code, line.name, channel_name(line.channel), _rate(line), *amount_cells(line.amounts))
        for line in report.merchants
    ]


def _rate(line: MerchantLine) -> Cell:
    """Empty where the fee is no plain rate; its contract says how it comes about."""
    return "" if line.fee_basis_points is None else line.fee_basis_points


def channel_rows(report: DayReport) -> list[tuple[Cell, ...]]:
    """One row per channel under CHANNEL_HEADINGS."""
    return [
        (channel_name(line.channel), line.merchants, *amount_cells(line.amounts)) for line in report.channels
    ]


def suspended_rows(report: DayReport) -> list[tuple[Cell, ...]]:
    """One row per reason for suspense."""
    with translation.override(LANGUAGE):
        return [
            (str(Tap.Outcome(line.outcome).label), line.taps, yuan(line.amount_fen))
            for line in report.suspended
        ]


def refused_rows(report: DayReport) -> list[tuple[Cell, ...]]:
    """One row per reason for refusal, in the words the terminal's display has for it."""
    return [(REASONS[line.code].zh, line.records) for line in report.refusals]


def state_name(state: str) -> str:
    """The Chinese name of the report's state: the clearing run's, or the business day's before there is a run."""
    labels = dict(BusinessDay.State.choices) | dict(ClearingRun.State.choices)
    with translation.override(LANGUAGE):
        return str(labels[state])


def amount_cells(amounts: Amounts) -> tuple[Cell, ...]:
    """The figures of a line: counts as they are, amounts in yuan."""
    return (
        amounts.taps,
        amounts.online,
        yuan(amounts.online_fen),
        yuan(amounts.gross_fen),
        yuan(amounts.fee_fen),
        yuan(amounts.adjusted_fen),
        yuan(amounts.net_fen),
        amounts.suspended_taps,
        yuan(amounts.suspended_fen),
    )


def channel_name(channel: str) -> str:
    """A channel's Chinese name."""
    with translation.override(LANGUAGE):
        return str(Channel(channel).label)
