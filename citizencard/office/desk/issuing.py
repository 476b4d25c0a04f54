"""A card is issued, one screen a step. The row says where it stands: whoever signs in again goes on there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST
from django_stubs_ext import StrOrPromise

from accounts.consent_words import CARD_CONSENT
from accounts.errors import CardAlreadyHeld, LevelTooLow, PersonPerhapsKnown
from accounts.models import Card, Citizen, DrawerEntry, IssueApplication, Replacement
from accounts.selectors.people import find_citizen
from accounts.selectors.stock import levels_of
from accounts.services import issuing
from accounts.services.photos import BYTES_MAX
from citizencard.bridge.desk import card_here
from citizencard.bridge.errors import NoWorkstation
from citizencard.core.errors import CitizenCardError, NotFound
from citizencard.office.desk.forms import (
    AgreeForm,
    BeginForm,
    KnownPersonForm,
    NewPersonForm,
    PhotoForm,
    PinForm,
    ProductForm,
    ReasonLineForm,
)
from citizencard.office.desk.halls import hall_here
from citizencard.office.forms import ConfirmForm, ReplaceForm
from terminals.services.issuing import write_card

PURPOSE: Final = "issue card"
"""In the audit trail and on the workstation's console."""
State = IssueApplication.State
_may_issue = permission_required("accounts.issue_card", raise_exception=True)
Given = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Screen:
    """One step: its name in the list of steps, its button, what is filled in, and what is done with that."""

    name: str
    title: StrOrPromise
    button: StrOrPromise
    form: Callable[[IssueApplication], type[forms.Form]]
    act: Callable[[HttpRequest, IssueApplication, Given], object]


@_may_issue
def begin_page(request: HttpRequest, site: AdminSite, citizen: Citizen | None = None) -> HttpResponse:
    """Which card, and the document on the counter; of somebody found before, only which card."""
    hall = hall_here(request)
    if hall is None:
        return _page(request, site, "office/desk/begin.html", {})
    kind = BeginForm if citizen is None else ProductForm
    form = kind(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"form": form, "hall": hall, "person": citizen, "levels": levels_of(hall)}
    if form.is_valid():
        paper = form.cleaned_data.get("paper")
        try:
            application = issuing.begin_issue(
                product=form.cleaned_data["product"],
                hall=hall,
                clerk=request.user.get_username(),
                paper=paper,
                citizen=citizen,
            )
            return _to(application)
        except CitizenCardError as refusal:
            form.add_error(None, str(refusal))
            if isinstance(refusal, CardAlreadyHeld | LevelTooLow):
                known = citizen or (paper and find_citizen(document_number=paper.number))
                context |= {"people": [known], "held": isinstance(refusal, CardAlreadyHeld)}
    return _page(request, site, "office/desk/begin.html", context)


@_may_issue
def replacement_page(request: HttpRequest, site: AdminSite, card: Card) -> HttpResponse:
    """Why this card needs another one, which is written here and now."""
    hall = hall_here(request)
    if hall is None:
        return _page(request, site, "office/desk/begin.html", {})
    lost = card.state == Card.State.LOST
    cause = Replacement.Cause.LOST if lost else Replacement.Cause.DAMAGED
    form = ReplaceForm(request.POST or None, initial={"cause": cause})
    if form.is_valid():
        try:
            return _to(
                issuing.begin_replacement(
                    card=card, cause=form.cleaned_data["cause"], hall=hall, clerk=request.user.get_username()
                )
            )
        except CitizenCardError as refusal:
            form.add_error(None, str(refusal))
    context = {"form": form, "hall": hall, "person": card, "title": _("Replace")}
    return _page(request, site, "office/desk/begin.html", context)


@_may_issue
def step_page(request: HttpRequest, site: AdminSite, pk: UUID) -> HttpResponse:
    """The step an application stands at; POST takes it."""
    application = _mine(request, pk)
    screen = _screen(application)
    if screen is None:
        ended = {"application": application, "receipt": _receipt(application), **_steps(None)}
        return _page(request, site, "office/desk/ended.html", ended)
    kind = screen.form(application)
    sent = request.method == "POST"
    if sent and request.POST.get("at") != screen.name:  # an old page: the step was taken already
        return _to(application)
    form = kind(request.POST, request.FILES) if sent else kind()
    context: dict[str, Any] = {}
    if form.is_valid():
        try:
            screen.act(request, application, form.cleaned_data)
            return _to(application)
        except CitizenCardError as refusal:
            form.add_error(None, str(refusal))
            context["no_reader"] = isinstance(refusal, NoWorkstation)
            if isinstance(refusal, PersonPerhapsKnown) and isinstance(form, NewPersonForm):
                form.ask_whether_new()
                context["people"] = refusal.data["people"]
        application.refresh_from_db()
    due = issuing.amounts_due(application)
    context |= {
        "application": application,
        "screen": screen,
        "form": form,
        "consent_text": CARD_CONSENT,
        "photo": issuing.photo_of(application) if screen.name == "pay" else "",
        "due": due,
        "due_fen": sum(due),
        **_steps(screen),
    }
    return _page(request, site, "office/desk/step.html", context)


@require_GET
@_may_issue
def progress_fragment(request: HttpRequest, site: AdminSite, pk: UUID) -> HttpResponse:
    """How far the writing is, for the page's own polling."""
    return TemplateResponse(request, "office/desk/progress.html", {"application": _mine(request, pk)})


@require_POST
@_may_issue
def spoiled_page(request: HttpRequest, site: AdminSite, pk: UUID) -> HttpResponse:
    """The card is set aside; another one is written for the same money."""
    application = _mine(request, pk)
    return _with_reason(request, application, issuing.spoil_card)


@require_POST
@_may_issue
def cancel_page(request: HttpRequest, site: AdminSite, pk: UUID) -> HttpResponse:
    """Nothing comes of it."""
    application = _mine(request, pk)
    return _with_reason(request, application, issuing.cancel_issue)


def _with_reason(
    request: HttpRequest, application: IssueApplication, act: Callable[..., IssueApplication]
) -> HttpResponse:
    form = ReasonLineForm(request.POST)
    if form.is_valid():
        try:
            act(application=application, reason=form.cleaned_data["reason"])
        except CitizenCardError as refusal:
            messages.error(request, str(refusal))
    return _to(application)


def _check(request: HttpRequest, application: IssueApplication, given: Given) -> object:
    told = {name: given[name] for name in ("name", "phone", "birth_date", "is_new") if name in given}
    return issuing.check_person(application=application, **told)


def _agree(request: HttpRequest, application: IssueApplication, given: Given) -> object:
    guardian = find_citizen(document_number=given["guardian"]) if given["guardian"] else None
    if given["guardian"] and guardian is None:
        raise NotFound(what=_("guardian"))
    return issuing.record_agreement(application=application, text=str(CARD_CONSENT), guardian=guardian)


def _photo(request: HttpRequest, application: IssueApplication, given: Given) -> object:
    # One more than is allowed, so that what is larger is seen and nothing more of it is read.
    return issuing.add_photo(application=application, content=given["photo"].read(BYTES_MAX + 1))


def _pay(request: HttpRequest, application: IssueApplication, given: Given) -> object:
    return issuing.take_payment(application=application)


def _write(request: HttpRequest, application: IssueApplication, given: Given) -> object:
    with card_here(request, purpose=PURPOSE) as transport:
        return write_card(application=application, transport=transport, pin=given["pin"])


def _person_form(application: IssueApplication) -> type[forms.Form]:
    return KnownPersonForm if application.citizen_id else NewPersonForm


_CHECK = Screen("check", gettext_lazy("Person"), gettext_lazy("Continue"), _person_form, _check)
_AGREE = Screen("agree", gettext_lazy("Consent"), gettext_lazy("Agreed"), lambda _one: AgreeForm, _agree)
_PHOTO = Screen("photo", gettext_lazy("Photograph"), gettext_lazy("Keep it"), lambda _one: PhotoForm, _photo)
_PAY = Screen("pay", gettext_lazy("Payment"), gettext_lazy("Cash received"), lambda _one: ConfirmForm, _pay)
_WRITE = Screen("write", gettext_lazy("Write the card"), gettext_lazy("Write"), lambda _one: PinForm, _write)
_SCREENS: Final = (_CHECK, _AGREE, _PHOTO, _PAY, _WRITE)
_BY_STATE: Final[Mapping[str, Screen]] = {
    State.DRAFT: _CHECK,
    State.CHECKED: _AGREE,
    State.CONSENTED: _PAY,
    State.PAID: _WRITE,
    State.WRITING: _WRITE,
}


def _screen(application: IssueApplication) -> Screen | None:
    """Where the application stands; None when it has ended."""
    screen = _BY_STATE.get(application.state)
    product = application.product
    if screen is _WRITE and application.state == State.PAID:
        taken = (application.price_fen, application.deposit_fen)
        screen = screen if taken == issuing.amounts_due(application) else _PAY
    if screen is _PAY and product.photo_needed and not application.photo_sealed:
        return _PHOTO
    return screen


def _receipt(application: IssueApplication) -> DrawerEntry | None:
    """What the sale has put into a drawer; None where nothing was paid."""
    if application.card is None:
        return None
    return DrawerEntry.objects.filter(journal__key=f"card-sale:{application.card.pan}").first()


def _steps(screen: Screen | None) -> dict[str, Any]:
    """The list of steps, and how many of them are done."""
    done = len(_SCREENS) if screen is None else _SCREENS.index(screen)
    return {"screens": _SCREENS, "done": done}


def _mine(request: HttpRequest, pk: UUID) -> IssueApplication:
    """Applications are gone on with by whoever began them."""
    rows = IssueApplication.objects.select_related("product", "citizen", "card", "hall", "replaces__product")
    return get_object_or_404(rows, pk=pk, clerk=request.user.get_username())


def _to(application: IssueApplication) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:desk_step", args=[application.pk]))


def _page(request: HttpRequest, site: AdminSite, template: str, context: dict[str, Any]) -> HttpResponse:
    frame = {**site.each_context(request), "title": _("Issue a card")}
    return TemplateResponse(request, template, frame | context)
