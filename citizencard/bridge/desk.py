"""The card that lies on the reader of the PC a clerk sits at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.http import HttpRequest

from citizencard.bridge.browser import workstation_here
from citizencard.bridge.errors import CardNotRead
from citizencard.bridge.transport import BridgeTransport
from citizencard.bridge.words import fault_words
from terminals.card.errors import CardError
from terminals.card.transport import Transport

WAIT_SECONDS: Final = 2
"""For a reader that somebody else is about to let go."""


@contextmanager
def card_here(request: HttpRequest, *, purpose: str) -> Iterator[Transport]:
    """A transport to the card; `purpose` goes into the audit trail and onto the workstation's console.

    Enter it outside of a transaction, see BridgeTransport. Raises NoWorkstation; whatever card, reader or line say
    meanwhile is raised as CardNotRead.
    """
    workstation = workstation_here(request)
    actor = request.user.get_username()
    try:
        with BridgeTransport(
            workstation.pk, actor=actor, purpose=purpose, wait_seconds=WAIT_SECONDS
        ) as transport:
            yield transport
    except CardError as error:
        raise CardNotRead(fault=fault_words(error)) from error
