"""Steps that need a reason: one page asks for it, the service keeps it, the same page tells the outcome."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin

from citizencard.core.errors import CitizenCardError
from citizencard.office.forms import ReasonForm

Facts = list[tuple[str, str]]


def ask_reason(
    request: HttpRequest, model_admin: ModelAdmin, subject: Model, *, title: str, act: Callable[[str], Facts]
) -> HttpResponse:
    """Show the form, or call `act` with the reason and show the facts it answers. What a service refuses is told."""
    form = ReasonForm(request.POST or None)
    facts: Facts | None = None
    if request.method == "POST" and form.is_valid():
        try:
            facts = act(form.cleaned_data["reason"])
        except CitizenCardError as refusal:
            form.add_error(None, str(refusal))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.opts,
        "subject": subject,
        "form": form,
        "facts": facts,
    }
    return TemplateResponse(request, "office/reason.html", context)
