"""Disputes: the queue by its clock, one page a case, and the steps of those who handle and decide it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import action, display

from accounts.models import Card
from accounts.selectors.disputed import owed_back_fen
from citizencard.core.calendar import shanghai
from citizencard.core.masks import mask_card
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.dispute_tables import clock_table, facts_table, money_table, story_table
from citizencard.office.dispute_forms import (
    DecisionForm,
    DisputeForm,
    EvidenceForm,
    FileForm,
    PartyEvidenceForm,
)
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_reason
from citizencard.office.report_pages import as_file
from citizencard.office.site import office
from citizencard.office.tables import Table, at, yuan
from settlement.models import Dispute, DisputeDecision, DisputeEvidence
from settlement.selectors.dispute_charges import recent_charges
from settlement.selectors.disputes import days_left
from settlement.services import disputes as services

State = Dispute.State
URGENT_DAYS: Final = 2
_COLOURS: Final = {"late": "danger", "soon": "warning", "later": "success", "over": "info"}
_STATES: Final = {
    "opened": "warning", "asked": "warning", "answered": "warning", "appealed": "warning", "refused": "info",
    "granted": "success", "closed": "info",
}  # fmt: skip
_MEDIA: Final = {"pdf": "application/pdf", "jpeg": "image/jpeg", "png": "image/png"}
_OFFERED: Final = {
    "ask": {State.OPENED},
    "evidence": {State.OPENED, State.ASKED, State.ANSWERED, State.REFUSED, State.APPEALED},
    "appeal": {State.REFUSED},
    "decide": {State.OPENED, State.ASKED, State.ANSWERED, State.APPEALED},
}


class DueFilter(admin.SimpleListFilter):
    """What is not over, by its clock."""

    title = _("clock")
    parameter_name = "due"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        """Overdue, due soon, under way."""
        return [("late", _("overdue")), ("soon", _("due within two days")), ("open", _("under way"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Dispute]) -> QuerySet[Dispute]:
        """Those."""
        today = shanghai(timezone.now()).date()
        match self.value():
            case "late":
                return queryset.filter(due_on__lt=today)
            case "soon":
                return queryset.filter(due_on__lte=today + timedelta(days=URGENT_DAYS))
            case "open":
                return queryset.filter(closed_at=None)
        return queryset


@admin.register(Dispute, site=office)
class DisputeAdmin(ReadOnlyAdmin):
    """Cases, the most urgent first."""

    list_display = [
        "number", "kind", "state_label", "masked", "merchant", "amount", "advanced", "opened_at", "due_on", "left",
    ]  # fmt: skip
    list_filter = [DueFilter, "state", "kind", "merchant"]
    list_select_related = ["charge__card", "merchant"]
    search_fields = ["number", "charge__card__pan"]
    search_help_text = _("Tracking number or card number")
    fields = [
        "number", "kind", "state", "masked", "merchant", "place", "charged_at", "amount", "opened_by", "opened_at", "decide_by",
        "due_on",
    ]  # fmt: skip
    readonly_fields = ["masked", "charged_at", "amount"]
    ordering = [F("due_on").asc(nulls_last=True), "-pk"]
    actions_detail = [
        "ask", "evidence", "read", "file", "decide", "approve", "reject", "appeal", "write_off",
    ]  # fmt: skip

    def has_handle_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user open disputes, ask for evidence and file it?"""
        return request.user.has_perm("settlement.handle_dispute")

    def has_decide_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user decide?"""
        return request.user.has_perm("settlement.decide_dispute")

    def has_read_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user open what is sealed?"""
        return self.has_handle_permission(request) or self.has_decide_permission(request)

    @display(description=_("state"), ordering="state", label=_STATES)
    def state_label(self, obj: Dispute) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    @display(description=_("card"), ordering="charge__card__pan")
    def masked(self, obj: Dispute) -> str:
        """The last digits only."""
        return mask_card(obj.charge.card.pan)

    @display(description=_("amount (yuan)"), ordering="charge__amount_fen")
    def amount(self, obj: Dispute) -> str:
        """What is disputed."""
        return yuan(obj.charge.amount_fen)

    @display(description=_("credited"), boolean=True)
    def advanced(self, obj: Dispute) -> bool:
        """Whether the holder has the money by now."""
        return obj.charge.order_id is not None

    @display(description=_("charged at"), ordering="charge__occurred_at")
    def charged_at(self, obj: Dispute) -> str:
        """When the charge was made."""
        return at(obj.charge.occurred_at)

    @display(description=_("days left"), ordering="due_on", label=_COLOURS)
    def left(self, obj: Dispute) -> tuple[str, str]:
        """Days to the next step, coloured."""
        days = days_left(obj, shanghai(timezone.now()).date())
        if days is None:
            return "over", gettext("over")
        if days < 0:
            return "late", gettext("%(days)s days overdue") % {"days": -days}
        return "soon" if days <= URGENT_DAYS else "later", gettext("%(days)s days") % {"days": days}

    def tables(self, request: HttpRequest, obj: Dispute) -> list[Table]:
        """The whole case."""
        return [story_table(obj), facts_table(obj), money_table(obj), clock_table(obj)]

    def offers(self, obj: Dispute, step: str) -> bool:
        """By the state; one proposal at a time."""
        proposed = obj.decisions.filter(state=DisputeDecision.State.PROPOSED).exists()
        if step in ("approve", "reject"):
            return proposed
        if step in ("read", "file"):
            return obj.evidence.exclude(**{f"{'words' if step == 'read' else 'file'}_sealed": None}).exists()
        if step == "write_off":
            return not proposed and owed_back_fen(obj.charge) > 0
        return obj.state in _OFFERED[step] and not (step == "decide" and proposed)

    @action(description=_("Ask for evidence"), permissions=["handle"], icon="help", variant=None)
    def ask(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The merchant has been asked, by whatever way it is asked; from now on silence is at its cost."""
        dispute = self.object_of(request, object_id)

        def act(_given: dict[str, Any]) -> Facts:
            return _told(services.ask_evidence(dispute=dispute, actor=_who(request), now=timezone.now()))

        return ask(request, self, dispute, title=gettext("Ask for evidence"), form=ConfirmForm, act=act)

    @action(description=_("File evidence"), permissions=["handle"], icon="attach_file", variant=None)
    def evidence(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What a side brings forward."""
        dispute = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            made = services.file_evidence(dispute=dispute, actor=_who(request), now=timezone.now(), **given)
            return _told(self.object_of(request, object_id), made.get_file_kind_display())

        form = _with_files(request, PartyEvidenceForm)
        return ask(request, self, dispute, title=gettext("File evidence"), form=form, act=act)

    @action(description=_("Read statements"), permissions=["read"], icon="visibility", variant=None)
    def read(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What was said, with a reason; leaving the page hides it again."""
        dispute = self.object_of(request, object_id)

        def act(reason: str) -> Facts:
            return [
                (f"{each.get_party_display()} · {each.filed_at:%Y-%m-%d}", services.open_words(evidence=each, actor=_who(request), reason=reason))
                for each in dispute.evidence.exclude(words_sealed=None).order_by("filed_at")
            ]  # fmt: skip

        return ask_reason(request, self, dispute, title=gettext("Read statements"), act=act)

    @action(description=_("Download a file"), permissions=["read"], icon="download", variant=None)
    def file(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A piece of evidence as a file of the type that its content is; never shown in the page."""
        dispute = self.object_of(request, object_id)
        pieces = list(dispute.evidence.exclude(file_sealed=None).order_by("filed_at"))
        form = partial(FileForm, pieces)
        filled = form(request.POST if request.method == "POST" else None)
        if filled.is_valid():
            piece: DisputeEvidence = filled.cleaned_data["piece"]
            reason = filled.cleaned_data["reason"]
            content = services.open_file(evidence=piece, actor=_who(request), reason=reason)
            return as_file(
                content, _MEDIA[piece.file_kind], f"{dispute.number}-{piece.party}.{piece.file_kind}"
            )
        title = gettext("Download a file")
        return ask(request, self, dispute, title=title, form=form, act=lambda given: [])

    @action(
        description=pgettext_lazy("dispute", "Decide"), permissions=["decide"], icon="gavel", variant=None
    )
    def decide(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """For or against the holder; from the policy's amount on another person has to agree."""
        dispute = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            made = services.decide_dispute(dispute=dispute, actor=_who(request), now=timezone.now(), **given)
            return self._decision(request, object_id, made)

        title, tables = pgettext("dispute", "Decide"), self.tables(request, dispute)
        return ask(request, self, dispute, title=title, form=DecisionForm, act=act, tables=tables)

    @action(description=_("Approve proposal"), permissions=["decide"], icon="task_alt", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The second pair of eyes; the decision takes effect."""
        dispute, proposed = self._proposed(request, object_id)

        def act(_given: dict[str, Any]) -> Facts:
            done = services.approve_decision(decision=proposed, actor=_who(request), now=timezone.now())
            return self._decision(request, object_id, done)

        title, tables = gettext("Approve proposal"), self.tables(request, dispute)
        return ask(request, self, dispute, title=title, form=ConfirmForm, act=act, tables=tables)

    @action(description=_("Reject proposal"), permissions=["decide"], icon="block", variant=None)
    def reject(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """It waits on, and so does its clock."""
        dispute, proposed = self._proposed(request, object_id)

        def act(reason: str) -> Facts:
            done = services.reject_decision(
                decision=proposed, actor=_who(request), reason=reason, now=timezone.now()
            )
            return self._decision(request, object_id, done)

        return ask_reason(request, self, dispute, title=gettext("Reject proposal"), act=act)

    @action(description=_("Appeal for the holder"), permissions=["handle"], icon="replay", variant=None)
    def appeal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The holder appeals at the counter."""
        dispute = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            return _told(
                services.appeal_dispute(dispute=dispute, actor=_who(request), now=timezone.now(), **given)
            )

        form = _with_files(request, EvidenceForm)
        return ask(request, self, dispute, title=gettext("Appeal for the holder"), form=form, act=act)

    @action(description=_("Propose to write off"), permissions=["decide"], icon="money_off", variant=None)
    def write_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Nobody will give back what is still owed of the credit."""
        dispute = self.object_of(request, object_id)

        def act(reason: str) -> Facts:
            made = services.decide_dispute(
                dispute=dispute,
                outcome=DisputeDecision.Outcome.WRITE_OFF,
                actor=_who(request),
                reason=reason,
                now=timezone.now(),
            )
            return self._decision(request, object_id, made)

        title, tables = gettext("Propose to write off"), [money_table(dispute)]
        return ask_reason(request, self, dispute, title=title, act=act, tables=tables)

    def _proposed(self, request: HttpRequest, object_id: str) -> tuple[Dispute, DisputeDecision]:
        dispute = self.object_of(request, object_id)
        proposed = dispute.decisions.filter(state=DisputeDecision.State.PROPOSED).first()
        if proposed is None:
            raise Http404
        return dispute, proposed

    def _decision(self, request: HttpRequest, object_id: str, made: DisputeDecision) -> Facts:
        decided = [
            (gettext("decision"), made.get_outcome_display()),
            (gettext("state of the decision"), made.get_state_display()),
        ]
        return [*decided, *_told(self.object_of(request, object_id))]


def dispute_page(request: HttpRequest, model_admin: ReadOnlyAdmin, card: Card) -> HttpResponse:
    """A clerk opens a dispute for the holder of a card, on one of its newest charges."""

    def act(given: dict[str, Any]) -> Facts:
        charge = given["charge"]
        made = services.open_dispute(
            card=card,
            kind=given["kind"],
            what=charge.what,
            source_id=charge.source_id,
            day=charge.day,
            amount_fen=given["amount"] or None,
            words=given["words"],
            file=given["file"],
            actor=_who(request),
            now=timezone.now(),
        )
        return [(gettext("tracking number"), made.number), *_told(made)]

    form = _with_files(request, partial(DisputeForm, recent_charges(card)))
    return ask(request, model_admin, card, title=gettext("Open a dispute"), form=form, act=act)


def _with_files(request: HttpRequest, form: Any) -> Any:
    """The form with what was uploaded."""
    return lambda data: form(data, request.FILES if data is not None else None)


def _who(request: HttpRequest) -> str:
    return str(request.user.get_username())


def _told(dispute: Dispute, *more: str) -> Facts:
    due = dispute.due_on.isoformat() if dispute.due_on else "–"
    credit = gettext("credited") if dispute.charge.order_id else gettext("not credited yet")
    told = [
        (gettext("state"), dispute.get_state_display()),
        (gettext("due on"), due),
        (gettext("credit to the holder"), credit),
    ]
    return [*told, *((gettext("file"), each) for each in more)]
