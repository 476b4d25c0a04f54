"""A refund in numbers: the formula as it stands or stood, and the parts it is paid in."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Refund
from accounts.selectors.chip_evidence import ChipReading
from accounts.selectors.refund_quote import RefundQuote
from citizencard.office.tables import Table, at, columns, link, signed_yuan, yuan


def quote_tables(quote: RefundQuote) -> list[Table]:
    """The formula of a refund with the rule behind each line, and what stands against it."""
    due = "" if quote.evidence.tampered else _("due from %(date)s") % {"date": quote.due_on}
    formula = Table(
        _("Refund by formula"),
        [_("item"), _("amount"), _("rule")],
        [[line.label, signed_yuan(line.amount_fen), _rule(line.rule)] for line in quote.lines],
        columns(1),
        total=[_("Payable"), yuan(quote.payable_fen), due],
        note=_("By the ledger; the value on the chip decides nothing. Amounts in yuan."),
    )
    against = Table(
        _("What stands against it"),
        [_("what"), _("rule"), _("until")],
        [[blocker.reason, _rule(blocker.rule), blocker.until or "–"] for blocker in quote.blockers],
    )
    return [formula, against] if quote.blockers else [formula]


def reading_table(reading: ChipReading) -> Table:
    """The chip's own figures: evidence, never what is paid."""
    return Table(
        _("The card on the reader"),
        [_("chip balance"), _("offline ATC"), _("read at")],
        [[yuan(reading.balance_fen), reading.offline_atc, at(reading.read_at)]],
        columns(0, 1),
    )


def fixed_table(refund: Refund) -> Table:
    """The formula as the approval fixed it; a reserved amount had to be gone by then."""
    lines = (
        (_("balance by the books"), refund.balance_fen),
        (_("price of the card"), refund.price_fen),
        (_("deposit"), refund.deposit_fen),
        (_("damage"), -(refund.damage_fen or 0)),
        (_("fee"), -(refund.fee_fen or 0)),
        (_("interest"), refund.interest_fen),
    )
    return Table(
        _("Refund by formula"),
        [_("item"), _("amount")],
        [[label, signed_yuan(amount_fen)] for label, amount_fen in lines if amount_fen],
        columns(1),
        total=[_("Payable"), yuan(refund.payable_fen or 0)],
        note=refund.policy.legal_basis,
    )


def parts_table(refund: Refund) -> Table:
    """What each payee gets, by which way, and how far that has come."""
    return Table(
        _("Parts"),
        [_("method"), _("top-up order"), _("amount"), _("state"), _("reference"), _("settled at"), _("why it failed")],
        [
            [part.get_method_display(), link(part.order) if part.order else "–", yuan(part.amount_fen),
             part.get_state_display(), part.reference, at(part.settled_at), part.failure]
            for part in refund.parts.select_related("order").order_by("pk")
        ],
        columns(2),
    )  # fmt: skip


def request_table(refund: Refund) -> Table:
    """Who asked for it, when and why: what a second person looks at."""
    seen = refund.chip_balance_fen is not None
    return Table(
        _("Request"),
        [_("card number"), _("requested by"), _("requested at"), _("reason"), _("payee reference"), _("chip balance"),
         _("offline ATC")],
        [
            [link(refund.card), refund.requested_by, at(refund.requested_at), refund.reason, refund.payee or "–",
             yuan(refund.chip_balance_fen or 0) if seen else _("not read"), refund.chip_atc if seen else "–"]
        ],
        columns(5, 6),
    )  # fmt: skip


def chip_as_read(refund: Refund) -> str:
    """What the chip showed at the request: evidence, never what is paid."""
    if refund.chip_balance_fen is None:
        return gettext("not read")
    shown = {"balance": yuan(refund.chip_balance_fen), "atc": refund.chip_atc, "at": at(refund.chip_read_at)}
    return gettext("%(balance)s yuan, offline ATC %(atc)s, at %(at)s") % shown


def _rule(rule: str) -> str:
    """Ours in the reader's language; a law or policy as it is called."""
    return gettext(rule) if rule else ""
