"""What the citizen was told."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import Citizen
from citizencard.portal.access import for_citizen

NEWEST: Final = 50


@require_safe
@for_citizen
def newest(request: HttpRequest, citizen: Citizen) -> HttpResponse:
    """The newest messages."""
    notices = list(citizen.notices.order_by("-created_at", "-pk")[:NEWEST])
    return render(request, "portal/notices.html", {"notices": notices})
