"""What became of a record, in words for people: citizens read outcomes, staff read why records were refused."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from terminals.models import Tap

OUTCOMES: Final[dict[Tap.Outcome, StrOrPromise]] = {
    Tap.Outcome.ACCEPTED: _("Paid"),
    Tap.Outcome.HOT_LISTED: _("Used after the loss was reported; held until it is decided"),
    Tap.Outcome.COUNTER_CONFLICT: _("Contradicts another use; held until it is examined, not charged"),
    Tap.Outcome.OVER_BALANCE: _("Beyond the balance on record; being examined, not charged here"),
    Tap.Outcome.OVER_LIMIT: _("Beyond the limit for one purchase; held until it is examined"),
    Tap.Outcome.OVER_PRICE: _("More than the fare can be; held until it is examined"),
    Tap.Outcome.LATE: _("Came in too late; held until it is decided"),
    Tap.Outcome.KEY_UNUSABLE: _("Cannot be checked any more; being examined, not charged"),
}
_REFUSALS: Final[dict[str, StrOrPromise]] = {
    "duplicate": _("sent before; not charged again"),
    "bad_tac": _("the authentication code (TAC) is wrong"),
    "unknown_card": _("the card number is not on record"),
    "test_card": _("a test card, which does not count here"),
    "illegal_data": _("the record breaks the format"),
    "unparsable": _("the record cannot be read"),
    "future": _("the time lies in the future"),
    "terminal_mismatch": _("the terminal number is not the sender's"),
}
FAULTS: Final[dict[str, StrOrPromise]] = {
    "gap": _("records missing"),
    "break": _("balance does not follow"),
    "rollback": _("counter went back"),
    "conflict": _("counter used twice"),
    "duplicate": _("handed in again"),
}
"""What can be wrong with counters, see `terminals.selectors.counters.Fault`."""


def fault_words(kind: str) -> StrOrPromise:
    """What is wrong with a counter."""
    return FAULTS[kind]


def refusal_words(code: str) -> StrOrPromise:
    """Why records with this reason code were refused; the code itself when there are no words for it."""
    return _REFUSALS.get(code, code)
