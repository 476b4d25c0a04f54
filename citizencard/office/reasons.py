"""Steps that need something said: one page asks for it, the service keeps it, the same page tells the outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from django import forms
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from citizencard.core.errors import CitizenCardError
from citizencard.office.forms import ReasonForm
from citizencard.office.tables import Table, columns

Facts = list[tuple[str, str]]
PROBLEMS_SHOWN: Final = 200


def ask_reason(
    request: HttpRequest,
    model_admin: ModelAdmin,
    subject: Model,
    *,
    title: str,
    act: Callable[[str], Facts],
    tables: Sequence[Table] = (),
    **context: Any,
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
        **context,
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

    What a service refuses is told. A `template` of its own extends the common one and gets `context` besides; with `back` in
    it, that is where one goes afterwards instead of the object's page.
    """
    facts: Facts | None = None
    filled = form(request.POST if request.method == "POST" else None)
    if filled.is_valid():
        try:
            facts = act(filled.cleaned_data)
        except CitizenCardError as refusal:
            filled.add_error(None, str(refusal))
    if facts is not None:
        return _page(request, model_admin, subject, title=title, facts=facts, **context)
    return _page(request, model_admin, subject, template, title=title, form=filled, tables=tables, **context)


def ask_new(
    request: HttpRequest,
    model_admin: ModelAdmin,
    *,
    title: str,
    form: Callable[..., forms.BaseForm],
    act: Callable[[dict[str, Any]], Model | Sequence[Table]],
) -> HttpResponse:
    """A step that begins with a form and no object yet: on to the page of what `act` made, or below its tables once more.

    What a service refuses is told, of a file with every problem of its rows.
    """
    tables: Sequence[Table] = ()
    filled = form(request.POST, request.FILES) if request.method == "POST" else form()
    if filled.is_valid():
        try:
            made = act(filled.cleaned_data)
            if isinstance(made, Model):
                return HttpResponseRedirect(_page_of(made))
            tables = made
        except CitizenCardError as refusal:
            filled.add_error(None, str(refusal))
            tables = problems_table(refusal.data.get("problems", ()))
    opts = model_admin.opts
    frame = {
        **model_admin.admin_site.each_context(request),
        "opts": opts,
        "subject": opts.verbose_name,
        "title": title,
        "form": filled,
        "tables": tables,
        "back": reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"),
    }
    return TemplateResponse(request, "office/reason.html", frame)


def problems_table(problems: Sequence[Any]) -> list[Table]:
    """What is wrong with a file, row by row; a problem has `row` (0: the header), `field` and `fault`."""
    if not problems:
        return []
    return [
        Table(
            _("Check of the file"),
            [_("row"), _("field"), _("what is wrong")],
            [[each.row or _("header"), each.field, each.fault.label] for each in problems[:PROBLEMS_SHOWN]],
            columns(0),
            note=_("At most %(limit)s.") % {"limit": PROBLEMS_SHOWN},
        )
    ]


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
