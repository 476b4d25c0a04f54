"""What the client raises beside `citizencard.core.errors.KeyServiceUnavailable`."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from citizencard.core.errors import CitizenCardError
from citizencard.core.keyservice.refusal import Code

_REASONS: Final[dict[str, StrOrPromise]] = {
    Code.MAC_INVALID: _("the card's authentication code (MAC1) is wrong"),
    Code.UNKNOWN_KEY: _("it does not hold this key version"),
    Code.ENVELOPE_INVALID: _("a sealed field was changed or moved"),
    Code.KEY_NOT_PERMITTED: _("this key version may not be used now"),
    Code.UNSUPPORTED: _("no such thing can be done with this key"),
    Code.NOT_PERMITTED: _("this part of the system may not ask for it"),
    Code.QUOTA_EXCEEDED: _("too much was asked in a short time"),
}
_OTHER_REASON: Final = _("the request was malformed")


class KeyServiceError(CitizenCardError):
    """The key service refused a request. Data: `refusal` (a `refusal.Code`), `reason` for people, `explanation`.

    `mac_invalid` is a wrong MAC1, `unknown_key` a version that is not loaded, `envelope_invalid` a sealed value that
    was changed or moved; the others mean a fault in the calling program. `explanation` is the service's own sentence,
    in English.
    """

    code = "key_service_refused"
    status = 422
    message = _("The key service refused: %(reason)s.")

    def __init__(self, refusal: str, explanation: str) -> None:
        reason = _REASONS.get(refusal, _OTHER_REASON)
        super().__init__(refusal=refusal, reason=reason, explanation=explanation)
        self.refusal = refusal


class KeyServiceNotPermitted(KeyServiceError):
    """The caller's role does not include the operation, or the caller may not take the role."""

    code = "key_service_not_permitted"
    status = 403


class KeyServiceQuotaExceeded(KeyServiceError):
    """The caller's role has used up its quota of such operations; later there will be some again."""

    code = "key_service_quota_exceeded"
    status = 429


def error_for(refusal: str, explanation: str) -> KeyServiceError:
    """The error of a refusal code."""
    kinds: dict[str, type[KeyServiceError]] = {
        Code.NOT_PERMITTED: KeyServiceNotPermitted,
        Code.QUOTA_EXCEEDED: KeyServiceQuotaExceeded,
    }
    return kinds.get(refusal, KeyServiceError)(refusal, explanation)
