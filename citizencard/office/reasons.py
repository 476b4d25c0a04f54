"""Steps that need something said: one page asks for it, the service keeps it, the same page tells the outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
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
) -> HttpResponse:
    """Show `tables` to decide by and the form, or call `act` with what was given and show the facts it answers.

    What a service refuses is told.
    """
    facts: Facts | None = None
    filled = form(request.POST if request.method == "POST" else None)
    if filled.is_valid():
        try:
            facts = act(filled.cleaned_data)
        except CitizenCardError as refusal:
            filled.add_error(None, str(refusal))
    opts = model_admin.opts
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": opts,
        "subject": subject,
        "form": filled,
        "facts": facts,
        "tables": tables if facts is None else (),
        "back": reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[subject.pk]),
    }
    return TemplateResponse(request, "office/reason.html", context)
