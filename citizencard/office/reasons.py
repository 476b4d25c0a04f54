"""Steps that need something said: one page asks for it, the service keeps it, the same page tells the outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from unfold.admin import ModelAdmin

from citizencard.core.errors import CitizenCardError
from citizencard.office.forms import ReasonForm
from citizencard.office.tables import Table

Facts = list[tuple[str, str]]


def ask_reason(
    request: HttpRequest,
    model_admin: ModelAdmin,
    subject: Model,
    *,
    title: str,
    act: Callable[[str], Facts],
    tables: Sequence[Table] = (),
) -> HttpResponse:
    """As `ask`, where a reason is all that is needed; `act` gets it."""
    return ask(
        request,
        model_admin,
        subject,
        title=title,
        form=ReasonForm,
        act=lambda given: act(given["reason"]),
        tables=tables,
    )


def ask(
    request: HttpRequest,
    model_admin: ModelAdmin,
    subject: Model,
    *,
    title: str,
    form: Callable[[QueryDict | None], forms.Form],
    act: Callable[[dict[str, Any]], Facts],
    tables: Sequence[Table] = (),
    template: str = "office/reason.html",
    **context: Any,
) -> HttpResponse:
    """Show `tables` to decide by and the form, or call `act` with what was given and show the facts it answers.

    What a service refuses is told. A `template` of its own extends the common one and gets `context` besides.
    """
    facts: Facts | None = None
    filled = form(request.POST if request.method == "POST" else None)
    if filled.is_valid():
        try:
            facts = act(filled.cleaned_data)
        except CitizenCardError as refusal:
            filled.add_error(None, str(refusal))
    if facts is not None:
        return tell(request, model_admin, subject, title=title, facts=facts)
    return _page(request, model_admin, subject, template, title=title, form=filled, tables=tables, **context)


def ask_new(
    request: HttpRequest,
    model_admin: ModelAdmin,
    *,
    title: str,
    form: Callable[[QueryDict | None, MultiValueDict[str, Any] | None], forms.Form],
    act: Callable[[dict[str, Any]], Model],
) -> HttpResponse:
    """Show the form of something new, or call `act` with what was given and go to the page of what it made.

    What a service refuses is told.
    """
    sent = request.method == "POST"
    filled = form(request.POST if sent else None, request.FILES if sent else None)
    if filled.is_valid():
        try:
            made = act(filled.cleaned_data)
            return HttpResponseRedirect(_page_of(made))
        except CitizenCardError as refusal:
            filled.add_error(None, str(refusal))
    opts = model_admin.opts
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": opts,
        "subject": opts.verbose_name,
        "title": title,
        "form": filled,
        "back": reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"),
    }
    return TemplateResponse(request, "office/reason.html", context)


def tell(
    request: HttpRequest,
    model_admin: ModelAdmin,
    subject: Model,
    *,
    title: str,
    facts: Facts | None = None,
    refusal: CitizenCardError | None = None,
    tables: Sequence[Table] = (),
) -> HttpResponse:
    """What came of a step, or why there is none to take."""
    return _page(request, model_admin, subject, title=title, facts=facts, refusal=refusal, tables=tables)


def _page(
    request: HttpRequest,
    model_admin: ModelAdmin,
    subject: Model,
    template: str = "office/reason.html",
    **context: Any,
) -> HttpResponse:
    frame = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "subject": subject,
        "back": _page_of(subject),
    }
    return TemplateResponse(request, template, frame | context)


def _page_of(subject: Model) -> str:
    meta = subject._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[subject.pk])
