"""What the client raises beside `citizencard.core.errors.KeyServiceUnavailable`."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import CitizenCardError


class KeyServiceError(CitizenCardError):
    """The key service refused a request. Data `refusal` is its code (see `refusal.Code`), `reason` its sentence.

    `mac_invalid` is a wrong MAC1, `unknown_key` a version that is not loaded, `envelope_invalid` a sealed value that
    was changed or moved; the others mean a fault in the calling program.
    """

    code = "key_service_refused"
    status = 422
    message = _("The key service refused: %(reason)s (%(refusal)s).")

    def __init__(self, refusal: str, reason: str) -> None:
        super().__init__(refusal=refusal, reason=reason)
        self.refusal = refusal
