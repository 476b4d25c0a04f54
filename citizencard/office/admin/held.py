"""What waits to be decided: held purchases and claims in one list, with what speaks for what, and the steps of two people."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import action, display

from citizencard.core.masks import mask_card
from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.admin.held_tables import facts_table, proposals_table
from citizencard.office.forms import ConfirmForm, HeldForm
from citizencard.office.reasons import Facts, ask, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, at, yuan
from terminals.models import HeldKind, HeldProposal, WaitingPurchase
from terminals.selectors.held import BUCKETS, age_days, bucket_of, facts_of, waiting_purchases
from terminals.services.held import (
    approve_proposal,
    propose_purchase,
    propose_write_off,
    reject_proposal,
)

_COLOURS: Final = {0: "success", 1: "info", 3: "warning", 7: "warning", 30: "danger"}


class AgeFilter(admin.SimpleListFilter):
    """How long it has waited."""

    title = _("waits for at least")
    parameter_name = "days"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        """1, 3, 7 and 30 days."""
        return [(str(days), _("%(days)s days") % {"days": days}) for days in BUCKETS]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[WaitingPurchase]
    ) -> QuerySet[WaitingPurchase]:
        """What has waited so long."""
        days = {str(each): each for each in BUCKETS}.get(self.value() or "")
        return queryset.filter(since__lte=timezone.now() - timedelta(days=days)) if days else queryset


@admin.register(WaitingPurchase, site=office)
class WaitingPurchaseAdmin(ReadOnlyAdmin):
    """Held purchases and claims, what has waited longest first."""

    list_display = [
        "__str__", "cause", "terminal", "merchant", "masked", "amount", "occurred_at", "age", "due_at", "owner",
        "proposed",
    ]  # fmt: skip
    list_filter = [
        AgeFilter, "what", "cause", "owner", ("proposal", admin.EmptyFieldListFilter), "merchant",
    ]  # fmt: skip
    search_fields = ["card__pan", "terminal__code", "key"]
    search_help_text = _("Card number, terminal or number")
    fields = [
        "what", "cause", "terminal", "merchant", "masked", "amount", "occurred_at", "business_date", "since", "age",
        "due_at", "owner",
    ]  # fmt: skip
    readonly_fields = ["masked", "amount", "age"]
    ordering = ["since", "key"]
    actions_detail = ["propose", "write_off", "approve", "reject"]
    amount = yuan_column("amount_fen", _("amount (yuan)"))

    def has_propose_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user say what should become of it?"""
        return request.user.has_perm("terminals.propose_held")

    def has_approve_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user decide on what somebody else has proposed?"""
        return request.user.has_perm("terminals.approve_held")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WaitingPurchase]:
        """In one query."""
        return waiting_purchases()

    @display(description=_("card"), ordering="card__pan")
    def masked(self, obj: WaitingPurchase) -> str:
        """The last digits only."""
        return mask_card(obj.card.pan)

    @display(description=_("waiting for"), ordering="since", label=_COLOURS)
    def age(self, obj: WaitingPurchase) -> tuple[int, str]:
        """Whole days, coloured by bucket."""
        days = age_days(obj, timezone.now())
        return bucket_of(days), gettext("%(days)s days") % {"days": days}

    @display(description=_("proposed"))
    def proposed(self, obj: WaitingPurchase) -> str:
        """What one person wants done with it."""
        return _wanted(obj.proposal) if obj.proposal else "–"

    def tables(self, request: HttpRequest, obj: WaitingPurchase) -> list[Table]:
        """What is known, and what was proposed so far."""
        return [facts_table(facts_of(obj)), proposals_table(obj)]

    def offers(self, obj: WaitingPurchase, step: str) -> bool:
        """One proposal at a time."""
        if step in ("approve", "reject"):
            return obj.proposal is not None
        return obj.proposal is None and (step == "propose") == (obj.what == HeldKind.PURCHASE)

    @action(description=_("Propose a decision"), permissions=["propose"], icon="rate_review", variant=None)
    def propose(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How much the merchant gets; the rest goes back to the holder."""
        waiting = _waiting(object_id)
        facts = facts_of(waiting)

        def act(given: dict[str, Any]) -> Facts:
            proposal = propose_purchase(
                tap_id=waiting.subject_id,
                paid_fen=given["paid"],
                actor=request.user.get_username(),
                reason=given["reason"],
            )
            return _told(proposal)

        return ask(
            request,
            self,
            waiting,
            title=gettext("Propose a decision"),
            form=partial(HeldForm, facts.usual_fen),
            act=act,
            tables=[facts_table(facts)],
        )

    @action(description=_("Propose to write off"), permissions=["propose"], icon="money_off", variant=None)
    def write_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Nobody will pay this claim."""
        waiting = _waiting(object_id)

        def act(reason: str) -> Facts:
            actor = request.user.get_username()
            return _told(propose_write_off(claim_id=waiting.subject_id, actor=actor, reason=reason))

        title = gettext("Propose to write off")
        return ask_reason(
            request, self, waiting, title=title, act=act, tables=[facts_table(facts_of(waiting))]
        )

    @action(description=_("Approve proposal"), permissions=["approve"], icon="task_alt", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The second pair of eyes; the money moves."""
        waiting, proposal = _proposed(object_id)

        def act(given: dict[str, Any]) -> Facts:
            actor = request.user.get_username()
            return _told(approve_proposal(proposal=proposal, actor=actor))

        return ask(
            request,
            self,
            waiting,
            title=gettext("Approve proposal"),
            form=ConfirmForm,
            act=act,
            tables=[facts_table(facts_of(waiting)), proposals_table(waiting)],
            back=reverse("admin:terminals_waitingpurchase_changelist"),
        )

    @action(description=_("Reject proposal"), permissions=["approve"], icon="block", variant=None)
    def reject(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """It waits on."""
        waiting, proposal = _proposed(object_id)

        def act(reason: str) -> Facts:
            actor = request.user.get_username()
            return _told(reject_proposal(proposal=proposal, actor=actor, reason=reason))

        title = gettext("Reject proposal")
        return ask_reason(request, self, waiting, title=title, act=act, tables=[proposals_table(waiting)])


def _told(proposal: HeldProposal) -> Facts:
    return [
        (gettext("state"), proposal.get_state_display()),
        (gettext("proposed"), _wanted(proposal)),
        (gettext("proposed by"), proposal.maker),
        (gettext("decided by"), proposal.checker or "–"),
        (gettext("decided at"), at(proposal.checked_at)),
    ]


def _wanted(proposal: HeldProposal) -> str:
    if proposal.paid_fen is None:
        return gettext("write off")
    back_fen = proposal.amount_fen - proposal.paid_fen
    return gettext("merchant %(paid)s, holder %(back)s") % {
        "paid": yuan(proposal.paid_fen),
        "back": yuan(back_fen),
    }


def _waiting(object_id: str) -> WaitingPurchase:
    return get_object_or_404(waiting_purchases(), pk=unquote(object_id))


def _proposed(object_id: str) -> tuple[WaitingPurchase, HeldProposal]:
    waiting = _waiting(object_id)
    if waiting.proposal is None:
        raise Http404
    return waiting, waiting.proposal
