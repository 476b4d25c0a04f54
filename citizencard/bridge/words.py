"""What is wrong with card, reader or line, in words for the person at the counter."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from terminals.card.apdu import WrongPin
from terminals.card.errors import CardError, CardRemoved, NoCard, ReaderUnavailable, TransportError
from terminals.readers.errors import AmbiguousReader, MuteCard, NoReader, NoService, ReaderInUse

FAULTS: Final[dict[type[CardError], StrOrPromise]] = {
    NoCard: _("There is no card on the reader."),
    CardRemoved: _("The card was taken away too early. Lay it down and try again."),
    MuteCard: _("The card does not answer. Turn it over, or try another."),
    NoReader: _("No card reader is connected to this workstation."),
    AmbiguousReader: _("Several card readers are connected to this workstation."),
    NoService: _("The smart card service of this workstation is not running."),
    ReaderInUse: _("Somebody else is using this reader."),
    ReaderUnavailable: _("The bridge program of this workstation is not connected."),
    TransportError: _("The connection to the reader broke."),
    WrongPin: _("The PIN is wrong, or locked on the card."),
    CardError: _("The card is of no kind that is known here."),
}
"""The nearest class of an error says it."""


def fault_words(error: CardError) -> str:
    """The fault as a sentence for the person at the counter."""
    return str(next(FAULTS[kind] for kind in type(error).__mro__ if kind in FAULTS))
