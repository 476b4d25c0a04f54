"""Since when a card's movements are its holder's to see."""

from __future__ import annotations

from datetime import datetime

from accounts.models import Card, Registration


def known_since(card: Card) -> datetime | None:
    """When it was registered later, unless the holder has asked for what was before; None: everything.

    A card read with its registration asks nothing.
    """
    registration: Registration | None = getattr(card, "registration", None)
    return None if registration is None or registration.shows_earlier else registration.registered_at
