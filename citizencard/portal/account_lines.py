"""The statement of an account purse for people's eyes: the ledger's lines in words, page after page by cursor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db.models import Q, Sum
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from accounts.models import Card, Chart, LedgerAccount, Transfer
from accounts.selectors.statement import Cursor, StatementLine, account_statement, end_of_day
from citizencard.portal.movements import PAGE_LINES, Movement, Named, What
from settlement.selectors.disputes import Known, disputes_of_card
from settlement.selectors.proofs import proved_until

CSV_LINES: Final = 100_000
_NAMED: Final = (Transfer.Kind.PAYMENT, Transfer.Kind.PAYMENT_REFUNDED)
"""Lines of which people want to know with whom."""
_WORDS: Final[dict[Transfer.Kind, StrOrPromise]] = {
    Transfer.Kind.TOP_UP_LOADED: _("Top-up"),
    Transfer.Kind.HELD_RETURNED: _("Given back: a purchase that is not yours to pay"),
    Transfer.Kind.CLAIM_COLLECTED: _("Earlier ride by code, paid now"),
    Transfer.Kind.CREDIT_TAKEN_BACK: _("Taken back: the dispute was decided against you"),
}
"""Where the books' own word is not the citizen's."""
_CREDIT: Final = _("Credit of a dispute")


@dataclass(frozen=True)
class AccountPage:
    """Lines newest first; `older` is the address part of the following page, empty when there is none."""

    lines: list[Movement]
    older: str


def account_page(card: Card, account_id: int, before: str, limit: int = PAGE_LINES) -> AccountPage:
    """A page of the statement of a card's account purse, the first one unless `before` names a place, as `older` of another
    page does.
    """
    page = account_statement(account_id, after=_place(account_id, before), limit=limit)
    codes = {line.other_code for line in page.lines if line.kind in _NAMED}
    names = dict(LedgerAccount.objects.filter(code__in=codes).values_list("code", "name")) if codes else {}
    older = f"{page.next.business_date:%Y-%m-%d}.{page.next.transfer_id}" if page.next else ""
    until = proved_until()
    about = _About(names, until, disputes_of_card(card))
    return AccountPage([_movement(line, about) for line in page.lines], older)


@dataclass(frozen=True)
class _About:
    """What a page's lines need: names of payees, the last proved date, the card's disputes."""

    names: dict[str, str]
    proved_until: date
    disputes: Known


def _movement(line: StatementLine, about: _About) -> Movement:
    name = str(_("Passes")) if line.other_code == Chart.PASSES_SOLD else about.names.get(line.other_code, "")
    charge = _charge(line)
    is_credit = line.kind == Transfer.Kind.TOP_UP_LOADED and line.source_id in about.disputes.credits
    label = capfirst(str(_CREDIT if is_credit else _WORDS.get(line.kind, line.kind.label)))
    return Movement(
        occurred_at=line.occurred_at,
        icon="topup" if line.change_fen > 0 else "shop",
        place=name or label,
        amount_fen=line.change_fen,
        balance_fen=line.balance_fen,
        words=label if name else "",
        held=False,
        receipt=(line.business_date, line.transfer_id) if line.business_date <= about.proved_until else None,
        charge=charge,
        dispute=about.disputes.numbers.get((charge.what, charge.source_id), "") if charge else "",
    )


def _charge(line: StatementLine) -> Named | None:
    """What of the line may be disputed. A pass is given back as a pass; a top-up of these books has arrived in them."""
    if line.kind == Transfer.Kind.PAYMENT and line.other_code != Chart.PASSES_SOLD:
        return Named(What.PAYMENT, line.source_id)
    if line.kind == Transfer.Kind.RIDE_PAID:
        return Named(What.RIDE, line.source_id)
    return None


def _place(account_id: int, before: str) -> Cursor | None:
    """The place named in an address. Balances are not in addresses, so the one there is read from the books."""
    try:
        day_text, id_text = before.split(".")
        day, transfer_id = date.fromisoformat(day_text), int(id_text)
    except ValueError:
        return None
    if not 0 < transfer_id < 2**63 or day == date.max:
        return None
    credit, debit = Q(credit_id=account_id), Q(debit_id=account_id)
    later = Transfer.objects.filter(credit | debit, business_date=day, id__gte=transfer_id)
    sums = later.aggregate(credit=Sum("amount_fen", filter=credit), debit=Sum("amount_fen", filter=debit))
    change_fen = (sums["credit"] or 0) - (sums["debit"] or 0)
    return Cursor(day, transfer_id, end_of_day(account_id, day).balance_fen - change_fen)
