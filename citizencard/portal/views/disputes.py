"""Something is wrong with a charge: the holder disputes it, follows the case, and appeals."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.errors import ChargeDisputed
from accounts.models import Citizen, DisputedCharge
from citizencard.core.calendar import shanghai
from citizencard.core.errors import CitizenCardError, InvalidField, NotFound
from citizencard.portal.access import demand_shown, for_citizen, login_name, own_card
from citizencard.portal.dispute_forms import DisputeForm, StatementForm
from citizencard.portal.dispute_steps import outcome_of, steps_of
from citizencard.portal.pace import check_disputes
from settlement.errors import DisputePolicyMissing, DisputeTooLate, IllegalDisputeStep, NotDisputable
from settlement.models import Dispute, DisputeKind
from settlement.selectors.dispute_charges import Charge, charge_of
from settlement.selectors.disputes import disputes_of_citizen, policies_on
from settlement.services.disputes import appeal_dispute, open_dispute


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizen
def new(request: HttpRequest, citizen: Citizen, card_id: int, what: str, source_id: int) -> HttpResponse:
    """The charge, what may be wrong with it, the clock of each kind, and the button."""
    card, now, day = own_card(citizen, card_id), timezone.now(), _day(request)
    demand_shown(card, day)
    try:
        charge = charge_of(card, what, source_id, day)
    except NotFound as error:
        raise Http404 from error
    except NotDisputable as refusal:
        context = {"card": card, "refusal": refusal}
        return render(request, "portal/dispute_new.html", context, status=refusal.status)
    policies = policies_on(shanghai(now).date(), _kinds(charge))
    form = DisputeForm(policies, *_sent(request))
    status = 200
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        check_disputes(citizen, now=now)
        try:
            dispute = open_dispute(
                card=card, kind=given["kind"], what=what, source_id=source_id, day=day, amount_fen=given["amount_fen"],
                words=given["words"], file=given["file"], actor=login_name(citizen), now=now,
            )  # fmt: skip
        except (ChargeDisputed, DisputePolicyMissing, DisputeTooLate, InvalidField) as refusal:
            form.refuse(refusal)
            status = refusal.status
        else:
            return redirect("portal:dispute", dispute.number)
    context = {"card": card, "charge": charge, "form": form, "policies": policies}
    return render(request, "portal/dispute_new.html", context, status=status)


@require_safe
@for_citizen
def mine(request: HttpRequest, citizen: Citizen) -> HttpResponse:
    """All of the citizen's disputes, newest first."""
    return render(request, "portal/disputes.html", {"disputes": disputes_of_citizen(citizen)})


@require_safe
@for_citizen
def case(request: HttpRequest, citizen: Citizen, number: str) -> HttpResponse:
    """How far a dispute has come, by when it goes on, what came of it and why."""
    return _case(request, _own(citizen, number), StatementForm())


@require_POST
@for_citizen
def appeal(request: HttpRequest, citizen: Citizen, number: str) -> HttpResponse:
    """Somebody else is to look again."""
    dispute = _own(citizen, number)
    form = StatementForm(*_sent(request))
    refusal: CitizenCardError | None = None
    if form.is_valid():
        try:
            appeal_dispute(
                dispute=dispute, actor=login_name(citizen), now=timezone.now(), **form.cleaned_data
            )
        except (IllegalDisputeStep, InvalidField) as error:
            refusal = error
            form.refuse(error)
        else:
            return redirect("portal:dispute", number)
    return _case(request, dispute, form, refusal.status if refusal else 200)


def _case(request: HttpRequest, dispute: Dispute, form: StatementForm, status: int = 200) -> HttpResponse:
    today = shanghai(timezone.now()).date()
    context = {
        "dispute": dispute,
        "card": dispute.charge.card,
        "steps": steps_of(dispute),
        "outcome": outcome_of(dispute),
        "may_appeal": dispute.state == Dispute.State.REFUSED
        and dispute.due_on is not None
        and today <= dispute.due_on,
        "form": form,
    }
    return render(request, "portal/dispute.html", context, status=status)


def _own(citizen: Citizen, number: str) -> Dispute:
    """The citizen's dispute. Raises Http404 for anybody else's."""
    dispute = disputes_of_citizen(citizen).filter(number=number).first()
    if dispute is None:
        raise Http404
    return dispute


def _kinds(charge: Charge) -> list[DisputeKind]:
    """What can be wrong with it; of a ride also that it was never ended."""
    if charge.what == DisputedCharge.What.TOP_UP:
        return [DisputeKind.TOP_UP]
    others: list[DisputeKind] = [
        kind for kind in DisputeKind if kind not in (DisputeKind.TOP_UP, DisputeKind.RIDE_OPEN)
    ]
    rides = charge.merchant is not None and charge.merchant.channel in ("bus", "metro", "parking")
    return [*others, DisputeKind.RIDE_OPEN] if rides else others


def _sent(request: HttpRequest) -> tuple[Any, Any]:
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)


def _day(request: HttpRequest) -> date | None:
    """The business date of a purchase, from the address. Raises Http404 for what is no date."""
    text = request.GET.get("day", "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Http404 from error
