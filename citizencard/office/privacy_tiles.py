"""What waits about personal data."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from citizencard.office.tiles import Tile, list_url
from citizencard.privacy.models import AccessQuestion, CorrectionRequest, ErasureRequest


def access_questions(today: date) -> Tile:
    """Questions about access that nobody has answered."""
    return _tile(
        _("Questions about access to answer"), AccessQuestion.objects.filter(answered_at=None), today
    )


def corrections(today: date) -> Tile:
    """People who say that something about them is wrong."""
    return _tile(_("Corrections to answer"), CorrectionRequest.objects.filter(answered_at=None), today)


def erasures(today: date) -> Tile:
    """People who wait to be erased."""
    return _tile(
        _("Erasures under way"),
        ErasureRequest.objects.filter(state__in=ErasureRequest.UNDER_WAY),
        today,
    )


def _tile(name: str, rows: QuerySet[Any], today: date) -> Tile:
    """How many wait, and how many of them past their promise; leads to the list, what is due first on top."""
    waiting, late = rows.aggregate(all=Count("pk"), late=Count("pk", filter=Q(due_on__lt=today))).values()
    detail = _("%(late)s overdue") % {"late": late} if late else _("none is late")
    model = rows.model._meta
    url = list_url(f"{model.app_label}_{model.model_name}")
    return Tile(name, waiting, detail, url, "bad" if late else "")
