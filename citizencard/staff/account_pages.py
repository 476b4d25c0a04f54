"""One's own account: what one signs in with, where one is signed in, the password."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from citizencard.core.errors import CitizenCardError
from citizencard.office.roles import TITLES
from citizencard.staff.devices import counted_as
from citizencard.staff.forms import PasswordForm
from citizencard.staff.gate import member_here, session_here, way_on
from citizencard.staff.models import StaffSession
from citizencard.staff.selectors import has_app, keys_of, recovery_codes_left, running_sessions
from citizencard.staff.services import keys, sessions, signin
from citizencard.staff.services.passwords import change_password


def account_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """What one has; POST takes something of it away."""
    session = session_here(request)
    if request.method == "POST":
        _take_away(request, session)
        return HttpResponseRedirect(reverse("admin:staff_account"))
    user = member_here(request)
    context = {
        **site.each_context(request),
        "title": _("My account"),
        "roles": "、".join(str(TITLES.get(group.name, group.name)) for group in user.groups.all()),
        "has_app": has_app(user),
        "keys": keys_of(user),
        "keys_possible": keys.keys_possible(),
        "codes_left": recovery_codes_left(user),
        "sessions": running_sessions(user),
        "here": session,
    }
    return TemplateResponse(request, "staff/account.html", context)


@sensitive_post_parameters("old", "new", "again")
def password_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Change the password; whoever came with a starting code does that first."""
    form = PasswordForm(request.POST or None)
    session = session_here(request)
    if form.is_valid():
        try:
            change_password(
                user=member_here(request),
                old=form.cleaned_data["old"],
                new=form.cleaned_data["new"],
                session=session,
                counted_as=counted_as(request, request.user.get_username()),
                ip=request.META.get("REMOTE_ADDR"),
            )
        except CitizenCardError as refusal:
            form.add_error(refusal.data.get("field"), str(refusal.data.get("reason", refusal)))
        else:
            update_session_auth_hash(request, member_here(request))
            return HttpResponseRedirect(way_on(request))
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": _("Change password"),
        "form": form,
        "starting": session.needs_password,
        "next": way_on(request),
    }
    return TemplateResponse(request, "staff/password.html", context)


def _take_away(request: HttpRequest, session: StaffSession) -> None:
    step, number = request.POST.get("step"), request.POST.get("number", "")
    if step == "remove_app":
        signin.remove_app(user=member_here(request), session=session)
    elif step == "remove_key" and number.isdecimal():
        signin.remove_key(user=member_here(request), session=session, key_id=int(number))
    elif step == "end" and number.isdecimal():
        for running in running_sessions(member_here(request)).filter(pk=number):
            sessions.end_session(session=running, because=StaffSession.End.ENDED)
    elif step == "end_others":
        sessions.end_sessions(user=member_here(request), because=StaffSession.End.ENDED, but=session)
