"""What the card bridge refuses."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import CitizenCardError


class PairingCodeInvalid(CitizenCardError):
    """The code is wrong, used or expired; which of them is not told."""

    code = "pairing_code_invalid"
    status = 403
    message = _("The code is not valid (any more). Ask for a new one in the office.")


class ForeignPage(CitizenCardError):
    """A browser calls an address that is for agents only."""

    code = "foreign_page"
    status = 403
    message = _("This address is not for browsers.")


class NoWorkstation(CitizenCardError):
    """The browser is not on a paired workstation, or it was revoked."""

    code = "no_workstation"
    status = 409
    message = _("This computer is not paired with the server.")


class CardNotRead(CitizenCardError):
    """Card, reader or line did not do what was needed: data `fault`, a sentence for the person at the counter."""

    code = "card_not_read"
    status = 409
    message = "%(fault)s"
