"""What waits about personal data."""

from __future__ import annotations

from datetime import date

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from citizencard.office.tiles import Tile, list_url
from citizencard.privacy.models import AccessQuestion, ErasureRequest


def access_questions(today: date) -> Tile:
    """Questions about access that nobody has answered."""
    waiting, late = (
        AccessQuestion.objects.filter(answered_at=None)
        .aggregate(all=Count("pk"), late=Count("pk", filter=Q(due_on__lt=today)))
        .values()
    )
    detail = _("%(late)s overdue") % {"late": late} if late else _("none is late")
    url = list_url("privacy_accessquestion", "?waits=yes")
    return Tile(_("Questions about access to answer"), waiting, detail, url, "bad" if late else "")


def erasures(today: date) -> Tile:
    """People who wait to be erased."""
    waiting, late = (
        ErasureRequest.objects.filter(state__in=ErasureRequest.UNDER_WAY)
        .aggregate(all=Count("pk"), late=Count("pk", filter=Q(due_on__lt=today)))
        .values()
    )
    detail = _("%(late)s overdue") % {"late": late} if late else _("none is late")
    return Tile(
        _("Erasures under way"), waiting, detail, list_url("privacy_erasurerequest"), "bad" if late else ""
    )
