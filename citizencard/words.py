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
}
_REFUSALS: Final[dict[str, StrOrPromise]] = {
    "duplicate": _("sent before; not charged again"),
    "bad_tac": _("the authentication code (TAC) is wrong"),
    "unknown_card": _("the card number is not on record"),
    "illegal_data": _("the record breaks the format"),
    "unparsable": _("the record cannot be read"),
    "future": _("the time lies in the future"),
    "terminal_mismatch": _("the terminal number is not the sender's"),
}


def refusal_words(code: str) -> StrOrPromise:
    """Why records with this reason code were refused; the code itself when there are no words for it."""
    return _REFUSALS.get(code, code)
