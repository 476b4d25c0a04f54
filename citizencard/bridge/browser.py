"""Which workstation a browser stands on: a signed cookie, set when the PC it belongs to was paired from it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from citizencard.bridge.errors import NoWorkstation
from citizencard.bridge.models import PairingCode, Workstation

COOKIE: Final = "citizencard_workstation"
SALT: Final = "citizencard.bridge.workstation"
LIFE: Final = timedelta(days=400)
"""As long as browsers keep a cookie at most. It names the PC, not a person: who sits there signs in besides."""
PENDING: Final = "bridge_pairing"
"""Session key of the code this browser has asked for."""


def workstation_here(request: HttpRequest) -> Workstation:
    """The workstation this browser stands on. Raises NoWorkstation when there is none, or it was revoked."""
    named = request.get_signed_cookie(COOKIE, "", salt=SALT) or ""
    try:
        return Workstation.objects.get(pk=named, revoked_at=None)
    except (Workstation.DoesNotExist, ValidationError) as error:
        raise NoWorkstation from error


def await_pairing(request: HttpRequest, code: PairingCode) -> None:
    """Remember that this browser waits for the code to be used on its PC."""
    request.session[PENDING] = code.pk


def just_paired(request: HttpRequest) -> Workstation | None:
    """The workstation that used the code this browser was waiting for; told once."""
    if PENDING not in request.session:
        return None
    paired = Workstation.objects.filter(pairingcode=request.session[PENDING], revoked_at=None).first()
    if paired is not None:
        del request.session[PENDING]
    return paired


def bind(response: HttpResponse, workstation: Workstation) -> None:
    """Make the browser remember its workstation; only the office's pages see it."""
    response.set_signed_cookie(
        COOKIE,
        str(workstation.pk),
        salt=SALT,
        max_age=LIFE,
        path=reverse("admin:index"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
