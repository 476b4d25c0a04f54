"""My data: who has seen them, and the question why."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Citizen, DataAccess
from citizencard.office.roles import TITLES
from citizencard.portal.access import for_citizen, login_name
from citizencard.privacy.errors import AlreadyQuestioned
from citizencard.privacy.selectors.diary import SHOWN, diary_of
from citizencard.privacy.services.questions import question_access


@require_safe
@for_citizen
def mine(request: HttpRequest, citizen: Citizen) -> HttpResponse:
    """The access diary, newest first. By whom is told as a role: no member of staff is named to the outside."""
    rows = [(access, _by(access), getattr(access, "question", None)) for access in diary_of(citizen)[:SHOWN]]
    return render(request, "portal/privacy.html", {"rows": rows, "shown": SHOWN})


@require_POST
@for_citizen
def question(request: HttpRequest, citizen: Citizen, access_id: int) -> HttpResponse:
    """Ask why. Somebody else than who looked answers."""
    access = get_object_or_404(diary_of(citizen), pk=access_id)
    try:
        asked = question_access(access=access, actor=login_name(citizen), now=timezone.now())
    except AlreadyQuestioned as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, _("You get an answer by %(date)s.") % {"date": asked.due_on})
    return redirect("portal:privacy")


def _by(access: DataAccess) -> str:
    return str(TITLES.get(access.role, _("the system")))
