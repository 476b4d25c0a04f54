"""Objections to the hot list: why the card is blocked, what its holder says, and another person's decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import Card, Compensation
from accounts.services.compensations import pay_compensation_in_cash
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, at, link, yuan
from terminals.models import HotListAppeal
from terminals.selectors.appeals import ground_of
from terminals.services.appeals import grant_appeal, refuse_appeal

State = HotListAppeal.State
COLOURS: Final = {"open": "warning", "granted": "success", "refused": "danger"}


@admin.register(HotListAppeal, site=office)
class HotListAppealAdmin(ReadOnlyAdmin):
    """A holder's objection."""

    list_display = ["number", "card_no", "state_label", "filed_at", "due_on", "listed_by", "decided_by"]
    list_filter = ["state", "due_on"]
    list_select_related = ["entry"]
    search_fields = ["number", "entry__pan"]
    search_help_text = _("Tracking number or card number")
    fields = [
        "number", "card_no", "listed_by", "statement", "filed_at", "due_on", "state", "decided_by", "decided_at",
        "decision_reason",
    ]  # fmt: skip
    readonly_fields = ["card_no", "listed_by"]
    ordering = ["due_on", "pk"]
    actions_detail = ["grant", "refuse", "pay_cash"]

    def has_decide_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user decide?"""
        return request.user.has_perm("terminals.decide_hotlistappeal")

    @display(description=_("state"), ordering="state", label=COLOURS)
    def state_label(self, obj: HotListAppeal) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    @display(description=_("card"), ordering="entry__pan")
    def card_no(self, obj: HotListAppeal) -> str:
        """The blocked card."""
        return obj.entry.pan

    @display(description=_("listed by"), ordering="entry__listed_by")
    def listed_by(self, obj: HotListAppeal) -> str:
        """Who blocked the card, and so does not decide."""
        return obj.entry.listed_by or "–"

    def tables(self, request: HttpRequest, obj: HotListAppeal) -> list[Table]:
        """Why the card is blocked, and what the holder gets."""
        card = Card.objects.get(pan=obj.entry.pan)
        kinds = [
            (gettext("card number"), link(card)),
            (gettext("on the list since"), at(obj.entry.listed_at)),
        ]
        return [
            Table(_("card"), [_("what"), _("which")], kinds),
            grounds_table(obj),
            _compensation_table(obj),
        ]

    def offers(self, obj: HotListAppeal, step: str) -> bool:
        """By the state; cash where something is owed."""
        if step == "pay_cash":
            return obj.compensation is not None and obj.compensation.state == Compensation.State.OWED
        return bool(obj.state == State.OPEN)

    @action(
        description=pgettext_lazy("appeal", "Grant"), permissions=["decide"], icon="task_alt", variant=None
    )
    def grant(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The card works again at once."""
        return self._decide(request, object_id, pgettext("appeal", "Grant"), grant_appeal)

    @action(description=pgettext_lazy("appeal", "Refuse"), permissions=["decide"], icon="block", variant=None)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The card stays blocked."""
        return self._decide(request, object_id, pgettext("appeal", "Refuse"), refuse_appeal)

    @action(description=_("Pay in cash"), permissions=["approve_refund"], icon="payments", variant=None)
    def pay_cash(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The holder takes the compensation at the counter."""
        appeal = _appeal(object_id)

        def act(given: dict[str, object]) -> Facts:
            if appeal.compensation is None:
                return [(gettext("compensation"), "–")]
            note = pay_compensation_in_cash(
                note=appeal.compensation, actor=request.user.get_username(), occurred_at=timezone.now()
            )
            return [(gettext("compensation"), yuan(note.amount_fen)), (gettext("paid at"), at(note.paid_at))]

        title = gettext("Pay in cash")
        return ask(
            request,
            self,
            appeal,
            title=title,
            form=ConfirmForm,
            act=act,
            tables=[_compensation_table(appeal)],
        )

    def _decide(
        self, request: HttpRequest, object_id: str, title: str, service: Callable[..., HotListAppeal]
    ) -> HttpResponse:
        appeal = _appeal(object_id)

        def act(reason: str) -> Facts:
            decided = service(
                appeal=appeal, actor=request.user.get_username(), reason=reason, occurred_at=timezone.now()
            )
            note = decided.compensation
            return [
                (gettext("state"), decided.get_state_display()),
                (gettext("compensation"), yuan(note.amount_fen) if note else "–"),
            ]

        said = Table(_("The holder says"), [_("statement")], [(appeal.statement or "–",)])
        return ask_reason(request, self, appeal, title=title, act=act, tables=[said, grounds_table(appeal)])


def grounds_table(appeal: HotListAppeal) -> Table:
    """What was found, in words; after a granted objection nothing is left of it."""
    card = Card.objects.get(pan=appeal.entry.pan)
    grounds = [ground_of(flag) for flag in card.flags.filter(cleared_at=None).order_by("pk")]
    rows = [(ground.title, ground.sentence, ground.legal_basis) for ground in grounds]
    return Table(_("Why the card is blocked"), [_("rule"), _("in words"), _("law")], rows)


def _compensation_table(appeal: HotListAppeal) -> Table:
    note = appeal.compensation
    rows = [(yuan(note.amount_fen), note.get_state_display(), note.legal_basis)] if note else []
    return Table(_("compensation"), [_("amount (yuan)"), _("state"), _("legal basis")], rows)


def _appeal(object_id: str) -> HotListAppeal:
    appeals = HotListAppeal.objects.select_related("entry", "compensation__card")
    return get_object_or_404(appeals, pk=unquote(object_id))
