"""The hot list: each card with its times, who bore what was paid with it, and the ways off the list."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import Card
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, yuan
from terminals.models import HeldResolution, HotListEntry
from terminals.services.hotlist import approve_removal, propose_removal, recover_card


@admin.register(HotListEntry, site=office)
class HotListEntryAdmin(ReadOnlyAdmin):
    """Cards that must not be accepted."""

    list_display = ["version", "pan", "cause_label", "reason", "effective_at", "removed_at"]
    list_filter = ["cause", ("removed_at", admin.EmptyFieldListFilter)]
    search_fields = ["pan"]
    search_help_text = _("Card number")
    fields = ["version", "pan", "cause", "reason", "effective_at", "listed_at", "removed_at"]
    ordering = ["-version"]
    actions_detail = ["found", "propose", "approve"]

    @display(description=_("cause"), ordering="cause", label=True)
    def cause_label(self, obj: HotListEntry) -> str:
        """Why it is listed."""
        return obj.get_cause_display()

    def tables(self, request: HttpRequest, obj: HotListEntry) -> list[Table]:
        """When each change was published, what was paid meanwhile and by whom, and a removal under way."""
        return [_changes(obj), _held(obj), _removal(obj)]

    def offers(self, obj: HotListEntry, step: str) -> bool:
        """While it stands: a lost card may be found; a mistake is proposed by one and approved by another."""
        if obj.removed_at is not None:
            return False
        proposed = getattr(obj, "removal", None) is not None
        return {
            "found": obj.cause == HotListEntry.Cause.LOSS,
            "propose": not proposed,
            "approve": proposed,
        }[step]

    @action(description=_("Card found"), permissions=["report_loss"], icon="task_alt", variant=None)
    def found(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The holder has the card again: off the list at once."""
        entry = _entry(object_id)

        def act(reason: str) -> Facts:
            card = recover_card(
                card=get_object_or_404(Card, pan=entry.pan),
                actor=request.user.get_username(),
                reason=reason,
                occurred_at=timezone.now(),
            )
            return [(gettext("state"), card.get_state_display())]

        return ask_reason(request, self, entry, title=gettext("Card found"), act=act)

    @action(description=_("Listed by mistake"), permissions=["report_loss"], icon="undo", variant=None)
    def propose(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say so; somebody else takes it off."""
        entry = _entry(object_id)

        def act(reason: str) -> Facts:
            removal = propose_removal(entry=entry, actor=request.user.get_username(), reason=reason)
            return [(gettext("made by"), removal.maker), (gettext("reason"), removal.reason)]

        return ask_reason(request, self, entry, title=gettext("Listed by mistake"), act=act)

    @action(description=_("Approve removal"), permissions=["approve_refund"], icon="verified", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The second pair of eyes."""
        entry = _entry(object_id)

        def act(given: dict[str, object]) -> Facts:
            removal = approve_removal(
                removal=entry.removal, actor=request.user.get_username(), occurred_at=timezone.now()
            )
            return [
                (gettext("approved by"), removal.checker),
                (gettext("removed at"), at(removal.approved_at)),
            ]

        title = gettext("Approve removal")
        return ask(request, self, entry, title=title, form=ConfirmForm, act=act, tables=[_removal(entry)])


def _changes(entry: HotListEntry) -> Table:
    changes = entry.changes.select_related("version").order_by("id")
    return Table(
        _("Reported, published"),
        [_("change"), _("recorded at"), _("version"), _("published at"), _("cards")],
        [
            [
                _("listed") if each.effective_at else _("removed"),
                at(each.recorded_at),
                each.version_id or "–",
                at(each.version.published_at) if each.version else _("not yet"),
                each.version.count if each.version else "–",
            ]
            for each in changes
        ],
        columns(2, 4),
    )


def _held(entry: HotListEntry) -> Table:
    done = HeldResolution.objects.filter(entry=entry).select_related("policy").order_by("occurred_at")
    return Table(
        _("Paid with it, and who bears it"),
        [
            _("occurred at"), _("amount"), _("borne by"), _("rule"), _("promise due at"), _("published at"),
            _("applied at"), _("legal basis"),
        ],
        [
            [
                at(each.occurred_at), yuan(each.amount_fen), each.get_party_display(), each.get_rule_display(),
                at(each.promised_at), at(each.published_at), at(each.applied_at), each.policy.legal_basis if each.policy else "–",
            ]
            for each in done
        ],
        columns(1),
    )  # fmt: skip


def _removal(entry: HotListEntry) -> Table:
    removal = getattr(entry, "removal", None)
    return Table(
        _("Listed by mistake"),
        [_("reason"), _("made by"), _("made at"), _("approved by"), _("approved at")],
        [
            [each.reason, each.maker, at(each.made_at), each.checker or "–", at(each.approved_at)]
            for each in [removal]
            if each is not None
        ],
    )


def _entry(object_id: str) -> HotListEntry:
    return get_object_or_404(HotListEntry.objects.select_related("removal"), pk=unquote(object_id))
