"""What is refused about personal data."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import CitizenCardError


class AlreadyQuestioned(CitizenCardError):
    """An access to somebody's data is questioned once."""

    code = "access_already_questioned"
    status = 409
    message = _("You have asked about this access already. The answer will stand beside it.")


class AlreadyAnswered(CitizenCardError):
    """A question is answered once."""

    code = "question_already_answered"
    status = 409
    message = _("This question was answered already.")


class OwnAccess(CitizenCardError):
    """Whose access is questioned does not answer for it."""

    code = "own_access"
    status = 403
    message = _("Somebody else has to answer: it was you who looked at these data.")
    rule = "four eyes"


class IllegalErasureStep(CitizenCardError):
    """An erasure has no such step: data `source`, `target`."""

    code = "illegal_erasure_step"
    status = 409
    message = _("An erasure cannot go from %(source)s to %(target)s.")
