"""Each kind of difference: between which legs, whose it is, how many days it may stay open, and what ends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from settlement.models import Difference
from settlement.models import DifferenceKind as Kind

_FINANCE, _SUPERVISOR = Difference.Owner.FINANCE, Difference.Owner.SUPERVISOR


class Leg(models.TextChoices):
    """Between what the difference stands."""

    TERMINAL = "terminal", _("terminal and centre")
    LEDGER = "ledger", _("centre and ledger")
    BANK = "bank", _("ledger and bank")


@dataclass(frozen=True, slots=True)
class Terms:
    """`days` from its first sight on it is over age. `cure` is what ends it, in words for its owner."""

    leg: Leg
    owner: Difference.Owner
    days: int
    cure: StrOrPromise


_UPLOAD: Final = _("Have the terminal's journal read out; the upload ends it.")
_REFUSED: Final = _("Look at the record; accepted later it ends, else two people say who bears it.")
_HELD: Final = _("Decided among the held purchases; that ends it.")
_BOOKS: Final = _("Find out who changed the books; corrected by entries, two people say so.")

TERMS: Final[Mapping[str, Terms]] = {
    Kind.MISSING_UPLOAD: Terms(Leg.TERMINAL, _FINANCE, 3, _UPLOAD),
    Kind.BEYOND_TOTAL: Terms(Leg.TERMINAL, _FINANCE, 3, _("Compare journal and records of the window; two people decide.")),
    Kind.AMOUNT_DIFFERS: Terms(Leg.TERMINAL, _FINANCE, 3, _("Compare journal and records of the window; two people decide.")),
    Kind.TOTAL_MISSING: Terms(Leg.TERMINAL, _FINANCE, 3, _("Ask the terminal for its total; one person may close it.")),
    Kind.DUPLICATE: Terms(Leg.TERMINAL, _FINANCE, 1, _("Nothing: the record was posted once before, and ends at once.")),
    Kind.BAD_TAC: Terms(Leg.TERMINAL, _SUPERVISOR, 7, _REFUSED),
    Kind.UNKNOWN_CARD: Terms(Leg.TERMINAL, _SUPERVISOR, 7, _REFUSED),
    Kind.TEST_CARD: Terms(Leg.TERMINAL, _SUPERVISOR, 7, _REFUSED),
    Kind.ILLEGAL_DATA: Terms(Leg.TERMINAL, _FINANCE, 7, _REFUSED),
    Kind.FUTURE: Terms(Leg.TERMINAL, _FINANCE, 7, _REFUSED),
    Kind.TERMINAL_MISMATCH: Terms(Leg.TERMINAL, _FINANCE, 7, _REFUSED),
    Kind.HOT_LISTED: Terms(Leg.LEDGER, _SUPERVISOR, 3, _HELD),
    Kind.COUNTER_CONFLICT: Terms(Leg.LEDGER, _SUPERVISOR, 30, _HELD),
    Kind.OVER_BALANCE: Terms(Leg.LEDGER, _FINANCE, 30, _HELD),
    Kind.OVER_LIMIT: Terms(Leg.LEDGER, _FINANCE, 30, _HELD),
    Kind.OVER_PRICE: Terms(Leg.LEDGER, _FINANCE, 30, _HELD),
    Kind.LATE: Terms(Leg.LEDGER, _FINANCE, 3, _HELD),
    Kind.KEY_UNUSABLE: Terms(Leg.LEDGER, _SUPERVISOR, 30, _HELD),
    Kind.CARD_NOT_ACTIVE: Terms(Leg.LEDGER, _SUPERVISOR, 30, _HELD),
    Kind.NOT_IN_LEDGER: Terms(Leg.LEDGER, _SUPERVISOR, 1, _BOOKS),
    Kind.NOT_A_PURCHASE: Terms(Leg.LEDGER, _SUPERVISOR, 1, _BOOKS),
    Kind.LEDGER_DIFFERS: Terms(Leg.LEDGER, _SUPERVISOR, 1, _BOOKS),
    Kind.MISSING_AT_BANK: Terms(Leg.BANK, _FINANCE, 3, _("Ask the bank; its entry or its rejection ends it.")),
    Kind.RETURNED: Terms(Leg.BANK, _FINANCE, 7, _("Have the payout account corrected; the next payout that arrives ends it.")),
    Kind.UNKNOWN_AT_BANK: Terms(Leg.BANK, _FINANCE, 7, _("Resolved among the suspense items; that ends it.")),
    Kind.BANK_AMOUNT_DIFFERS: Terms(Leg.BANK, _FINANCE, 1, _("Have the bank send the file anew; a file that is taken ends it.")),
}  # fmt: skip
OWNERS: Final[Mapping[str, str]] = {kind: terms.owner.value for kind, terms in TERMS.items()}


def kinds_of(leg: Leg) -> list[str]:
    """The kinds of a leg."""
    return [kind for kind, terms in TERMS.items() if terms.leg == leg]
