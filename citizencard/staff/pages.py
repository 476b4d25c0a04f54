"""Signing in's second step, and setting up what it takes."""

from __future__ import annotations

import json
from typing import Any, Final

import segno
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from citizencard.core.errors import CitizenCardError
from citizencard.staff.devices import counted_as
from citizencard.staff.forms import AnswerForm, CodeForm, NewKeyForm
from citizencard.staff.gate import member_here, session_here, way_on
from citizencard.staff.selectors import has_app, has_working_key, recovery_codes_left
from citizencard.staff.services import keys, recovery, signin, totp

STATE: Final = "staff_key_state"
"""Key in Django's session: what a security key was asked; good for one answer."""


@sensitive_post_parameters("code", "credential")
def factor_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the second factor: after the password, and again before an act when the last time is long ago."""
    code = CodeForm(request.POST if "code" in request.POST else None)
    answer = AnswerForm(request.POST if "credential" in request.POST else None, auto_id=False)
    refusal: CitizenCardError | None = None
    try:
        if code.is_valid():
            signin.show_code(**_guessing(request), code=code.cleaned_data["code"])
            return _shown(request)
        if answer.is_valid():
            state = request.session.pop(STATE, None) or {}
            signin.show_key(**_guessing(request), state=state, answer=answer.cleaned_data["credential"])
            return _shown(request)
    except CitizenCardError as refused:
        refusal = refused
    context: dict[str, Any] = {
        "code": code,
        "refusal": refusal,
        "title": _("Second factor"),
        "next": way_on(request),
    }
    if has_working_key(member_here(request)) and keys.keys_possible():
        options, request.session[STATE] = keys.ask_for_key(user=member_here(request))
        context |= {"answer": answer, "options": json.dumps(options)}
    return _page(request, site, "staff/factor.html", context)


def enrol_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """What there is to choose from."""
    context = {"title": _("Set up a second factor"), "keys": keys.keys_possible(), "next": way_on(request)}
    return _page(request, site, "staff/enrol.html", context)


@sensitive_post_parameters("code")
def app_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Set up an authenticator app: show the secret once more until a code of it was typed."""
    if has_app(member_here(request)):
        return HttpResponseRedirect(reverse("admin:staff_account"))
    form = CodeForm(request.POST or None)
    offer = totp.offer_app(user=member_here(request))
    if form.is_valid():
        try:
            signin.enrol_app(**_who(request), code=form.cleaned_data["code"])
        except CitizenCardError as refusal:
            form.add_error("code", str(refusal))
        else:
            return _enrolled(request, site)
    picture = segno.make_qr(offer.uri, error="m").svg_inline(border=4, omitsize=True, light="#fff")
    context = {
        "form": form,
        "title": _("Set up an authenticator app"),
        "secret": offer.secret,
        "picture": mark_safe(picture),  # noqa: S308  drawn here
        "next": way_on(request),
    }
    return _page(request, site, "staff/app.html", context)


@sensitive_post_parameters("credential")
def key_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Add a security key, where the site has a name to tie it to."""
    if not keys.keys_possible():
        return HttpResponseRedirect(reverse("admin:staff_account"))
    form = NewKeyForm(request.POST or None)
    if form.is_valid():
        state = request.session.pop(STATE, None) or {}
        try:
            signin.enrol_key(
                **_who(request),
                name=form.cleaned_data["name"],
                state=state,
                answer=form.cleaned_data["credential"],
            )
        except CitizenCardError as refusal:
            form.add_error(None, str(refusal))
        else:
            return _enrolled(request, site)
    options, request.session[STATE] = keys.ask_for_new_key(user=member_here(request))
    context = {
        "form": form,
        "title": _("Add a security key"),
        "options": json.dumps(options),
        "next": way_on(request),
    }
    return _page(request, site, "staff/key.html", context)


def codes_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """A new list of recovery codes in place of the old one."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("admin:staff_account"))
    return _codes(request, site)


def _enrolled(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """On with a new session key; the first time with a list of codes for the day the factor is lost."""
    request.session.cycle_key()
    if recovery_codes_left(member_here(request)):
        return HttpResponseRedirect(reverse("admin:staff_account"))
    return _codes(request, site)


def _codes(request: HttpRequest, site: AdminSite) -> HttpResponse:
    made = recovery.make_codes(user=member_here(request))
    context = {"codes": made, "title": _("Recovery codes"), "next": way_on(request)}
    return _page(request, site, "staff/codes.html", context)


def _shown(request: HttpRequest) -> HttpResponse:
    request.session.cycle_key()
    return HttpResponseRedirect(way_on(request))


def _who(request: HttpRequest) -> dict[str, Any]:
    return {"user": member_here(request), "session": session_here(request)}


def _guessing(request: HttpRequest) -> dict[str, Any]:
    counted = counted_as(request, request.user.get_username())
    return {**_who(request), "counted_as": counted, "ip": request.META.get("REMOTE_ADDR")}


def _page(request: HttpRequest, site: AdminSite, template: str, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(request, template, {**site.each_context(request), **context})
