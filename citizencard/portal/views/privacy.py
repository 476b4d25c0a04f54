"""My data: who has seen them, and the question why."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.errors import ErasureBlocked
from accounts.models import Citizen, DataAccess
from accounts.selectors.erasing import what_blocks_erasure
from citizencard.core.errors import InvalidField
from citizencard.office.roles import TITLES
from citizencard.portal.access import for_citizen, login_name
from citizencard.privacy.errors import AlreadyQuestioned
from citizencard.privacy.models import CorrectionRequest
from citizencard.privacy.selectors.diary import SHOWN, diary_of
from citizencard.privacy.services.copies import copy_for_owner
from citizencard.privacy.services.corrections import request_correction
from citizencard.privacy.services.erasures import request_erasure
from citizencard.privacy.services.questions import question_access


@require_safe
@for_citizen
def mine(request: HttpRequest, citizen: Citizen) -> HttpResponse:
    """The access diary, newest first. By whom is told as a role: no member of staff is named to the outside."""
    rows = [(access, _by(access), getattr(access, "question", None)) for access in diary_of(citizen)[:SHOWN]]
    asked = citizen.erasure_requests.order_by("-made_at").first()
    context = {
        "rows": rows,
        "erasure": asked,
        "corrections": citizen.correction_requests.order_by("-made_at"),
        "fields": CorrectionRequest.Field.choices,
    }
    return render(request, "portal/privacy.html", context)


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


@require_POST
@for_citizen
def correction(request: HttpRequest, citizen: Citizen) -> HttpResponse:
    """Something is wrong; what is right is told at the counter, with the proof."""
    try:
        request_correction(
            citizen=citizen,
            field=request.POST.get("field", ""),
            actor=login_name(citizen),
            now=timezone.now(),
        )
    except InvalidField as refusal:
        messages.warning(request, str(refusal))
    return redirect("portal:privacy")


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizen
def erasure(request: HttpRequest, citizen: Citizen) -> HttpResponse:
    """What being erased means, what has to be done first, and the button."""
    refusal: ErasureBlocked | None = None
    if request.method == "POST":
        try:
            request_erasure(citizen=citizen, actor=login_name(citizen), now=timezone.now())
        except ErasureBlocked as blocked:
            refusal = blocked
        else:
            return redirect("portal:privacy")
    context = {"blockers": refusal.data["blockers"] if refusal else what_blocks_erasure(citizen)}
    status = refusal.status if refusal else 200
    return render(request, "portal/erasure.html", context, status=status)


@require_POST
@for_citizen
def copy_page(request: HttpRequest, citizen: Citizen) -> HttpResponse:
    """Everything on record, to read."""
    copy = copy_for_owner(citizen=citizen, actor=login_name(citizen), now=timezone.now())
    tables = [table for table in copy["tables"].values() if table["rows"]]
    return render(request, "portal/privacy_copy.html", {"copy": copy, "tables": tables})


@require_POST
@for_citizen
def copy_file(request: HttpRequest, citizen: Citizen) -> HttpResponse:
    """The same for machines."""
    answer = JsonResponse(
        copy_for_owner(citizen=citizen, actor=login_name(citizen), now=timezone.now()),
        json_dumps_params={"ensure_ascii": False, "indent": 1},
    )
    answer.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return answer


def _by(access: DataAccess) -> str:
    return str(TITLES.get(access.role, _("the system")))
