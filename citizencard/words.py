"""What became of a record, in words for people: citizens read outcomes, staff read why records were refused."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from terminals.models import HeldResolution, Tap

OUTCOMES: Final[dict[Tap.Outcome, StrOrPromise]] = {
    Tap.Outcome.ACCEPTED: _("Paid"),
    Tap.Outcome.HOT_LISTED: _("Used after the loss was reported; held until it is decided"),
    Tap.Outcome.COUNTER_CONFLICT: _("Contradicts another use; held until it is examined, not charged"),
    Tap.Outcome.OVER_BALANCE: _("Beyond the balance on record; being examined, not charged here"),
    Tap.Outcome.OVER_LIMIT: _("Beyond the limit for one purchase; held until it is examined"),
    Tap.Outcome.OVER_PRICE: _("More than the fare can be; held until it is examined"),
    Tap.Outcome.LATE: _("Came in too late; held until it is decided"),
    Tap.Outcome.KEY_UNUSABLE: _("Cannot be checked any more; being examined, not charged"),
    Tap.Outcome.CARD_NOT_ACTIVE: _("Used before the card was activated; held until it is decided"),
}
ENDED: Final[dict[HeldResolution.Rule, StrOrPromise]] = {
    HeldResolution.Rule.WITHIN_PROMISE: _(
        "Used before the hot list had to be in force; paid to the merchant"
    ),
    HeldResolution.Rule.FOUND: _("The card was found; paid to the merchant"),
    HeldResolution.Rule.NOT_APPLIED: _("Used after the loss was reported; not charged to you"),
    HeldResolution.Rule.NOT_PUBLISHED: _("Used after the loss was reported; not charged to you"),
    HeldResolution.Rule.ACTIVATED: _("The card was activated; paid to the merchant"),
    HeldResolution.Rule.LATE: _("Came in too late; not charged to you"),
    HeldResolution.Rule.NOT_DECIDED: _("Held, and not decided in time; not charged to you"),
    HeldResolution.Rule.DECIDED: _(
        "Held and decided after examination; what comes back is a line of its own"
    ),
}
"""What became of a held purchase, beside the purchase itself."""
_LOSS: Final = _("Given back: used after the loss was reported")
GIVEN_BACK: Final[dict[HeldResolution.Rule, StrOrPromise]] = {
    HeldResolution.Rule.NOT_APPLIED: _LOSS,
    HeldResolution.Rule.NOT_PUBLISHED: _LOSS,
    HeldResolution.Rule.LATE: _("Given back: came in too late"),
    HeldResolution.Rule.NOT_DECIDED: _("Given back: not decided in time"),
    HeldResolution.Rule.DECIDED: _("Given back after examination"),
}
"""Why something of a held purchase came back."""
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
