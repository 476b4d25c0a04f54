"""Signing in and out, and how the pages look: language and text size."""

from __future__ import annotations

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from citizencard.lockout import SignInLocked
from citizencard.portal.forms import SignInForm
from citizencard.portal.signin import SignInRefused, identify_citizen
from citizencard.ways import own_page

YEAR_SECONDS = 365 * 24 * 3600
TEXT_SIZES = ("normal", "large")
TEXT_COOKIE = "text_size"


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """The front door. A refusal answers with its status and says what to do, never which half was wrong."""
    if request.user.is_authenticated:
        return redirect("portal:home")
    form = SignInForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            user = identify_citizen(**form.cleaned_data, address=request.META.get("REMOTE_ADDR"))
        except (SignInRefused, SignInLocked) as refusal:
            form.add_error(None, str(refusal))
            status = refusal.status
        else:
            auth.login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            return HttpResponseRedirect(_own_page(request, request.POST.get("next", "")))
    context = {"form": form, "next": request.POST.get("next", request.GET.get("next", ""))}
    return render(request, "portal/login.html", context, status=status)


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Forget the session."""
    auth.logout(request)
    return redirect("portal:login")


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Remember language or text size in a cookie and go back to where one was; works without JavaScript."""
    response = HttpResponseRedirect(_own_page(request, request.POST.get("next", "")))
    language, text = request.POST.get("language"), request.POST.get("text")
    if language in dict(settings.LANGUAGES):
        _remember(response, settings.LANGUAGE_COOKIE_NAME, language)
    if text in TEXT_SIZES:
        _remember(response, TEXT_COOKIE, text)
    return response


def _remember(response: HttpResponse, name: str, value: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=YEAR_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _own_page(request: HttpRequest, target: str) -> str:
    return own_page(request, target, resolve_url(settings.LOGIN_REDIRECT_URL))
