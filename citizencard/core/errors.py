"""One base for every error of the system: a stable code for machines, a sentence for people, an HTTP status."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise


class CitizenCardError(Exception):
    """A rule was broken. `code` never changes; `message` is in the user's language; `data` names field and rule.

    `rule` is the legal or policy basis where there is one.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    message: ClassVar[StrOrPromise] = _("The request cannot be carried out.")
    rule: str = ""

    def __init__(self, **data: Any) -> None:
        self.data = data
        super().__init__(self.code)

    def __str__(self) -> str:
        return str(self.message) % self.data if self.data else str(self.message)


class InvalidField(CitizenCardError):
    """A field breaks its rule: data `field` and `reason`."""

    code = "invalid_field"
    status = 422
    message = _("%(field)s: %(reason)s")

    def __init__(self, field: str, reason: StrOrPromise) -> None:
        super().__init__(field=field, reason=reason)


class Conflict(CitizenCardError):
    """The same key was used before for something else."""

    code = "conflict"
    status = 409
    message = _("%(what)s was already used for something else.")


class NotFound(CitizenCardError):
    """No such thing: data `what`."""

    code = "not_found"
    status = 404
    message = _("%(what)s does not exist.")


class MakerIsChecker(CitizenCardError):
    """Four eyes: whoever made it cannot also decide on it."""

    code = "maker_is_checker"
    status = 403
    message = _("Somebody else than the person who made it has to approve it.")
    rule = "four eyes"


class AlreadyDecided(CitizenCardError):
    """What two people decide is decided once. Data `source` and `target`."""

    code = "already_decided"
    status = 409
    message = _("It is %(source)s already and cannot become %(target)s.")


class DatabaseUnavailable(CitizenCardError):
    """The database is down or took too long; whether the last act was done shows when it is asked for again."""

    code = "database_unavailable"
    status = 503
    message = _("The system is not available for a moment. Please try again; what is sent twice counts once.")


class KeyServiceUnavailable(CitizenCardError):
    """The key service is down or sealed; the request can be repeated later."""

    code = "key_service_unavailable"
    status = 503
    message = _("The key service is not available. Nothing was changed; please try again later.")
