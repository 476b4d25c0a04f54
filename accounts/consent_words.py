"""What is read out and agreed to before a card is issued in a name (Personal Information Protection Law, articles 14 and 17)."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

CARD_CONSENT: Final = _(
    "I apply for a citizen card and agree that the card centre keeps my name, document number, telephone number, birth date "
    "and photograph, to issue the card, to look after it and to settle what I pay with it. They are sealed, shown to staff in "
    "parts only and for a reason, and given to nobody else but where the law says so. I may see who has looked at them, have "
    "them corrected, and withdraw this consent at any counter; the card ends then and what is left on it is paid back to me."
)
