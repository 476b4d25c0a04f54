"""Contracts as tables: bands, shares, and how a fee came about."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from citizencard.office.tables import Table, columns, link, yuan
from settlement.models import Contract, Statement
from settlement.selectors.fees import fee_steps


def fee_words(contract: Contract) -> str:
    """The fee in a few words: its prices, and what they are counted over."""
    prices = " / ".join(price_words(contract, band.price) for band in contract.bands.all())
    return f"{prices} · {contract.get_period_display()}"


def price_words(contract: Contract, price: int) -> str:
    """A price of the contract with its unit."""
    if contract.measure == Contract.Measure.GROSS:
        return f"{price / 100:.2f} %"
    return gettext("%(yuan)s yuan each") % {"yuan": yuan(price)}


def bands_table(contract: Contract) -> Table:
    """From what on which price holds."""
    return Table(
        _("Fee bands"),
        [_("above"), _("price")],
        [
            [_measured(contract, band.floor), price_words(contract, band.price)]
            for band in contract.bands.all()
        ],
        columns(0, 1),
    )


def shares_table(contract: Contract) -> Table:
    """Who gets which part of a split."""
    shares = contract.shares.select_related("merchant").order_by("-weight", "merchant__code")
    return Table(
        _("Split"),
        [_("merchant"), _("weight")],
        [[link(each.merchant), f"{each.weight / 100:.2f} %"] for each in shares],
        columns(1),
    )


def fees_table(contract: Contract, latest: int) -> Table:
    """The last statements of a contract, each with the sum that its fee is."""
    statements = contract.statements.select_related("contract").order_by("-run")[:latest]
    return Table(
        _("How the fees came about"),
        [_("business date"), _("of the month before"), _("fee base"), _("derivation"), _("fee")],
        [
            [link(each.run), _measured(contract, each.fee_before), _measured(contract, each.fee_base), _derived(each),
             yuan(each.fee_fen)]
            for each in statements
        ],
        columns(1, 2, 4),
        note=_("The fee is that of the period so far less what was asked before; rounded, and within least and highest fee."),
    )  # fmt: skip


def _derived(statement: Statement) -> str:
    contract = statement.contract
    if contract is None:
        return ""
    steps = fee_steps(statement)
    return " + ".join(
        f"{_measured(contract, each.width)} × {price_words(contract, each.price)}" for each in steps
    )


def _measured(contract: Contract, amount: int) -> str:
    return yuan(amount) if contract.measure == Contract.Measure.GROSS else str(amount)
