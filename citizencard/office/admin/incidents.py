"""Cards under suspicion: nothing is paid out of them until a person has looked into it."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import CardFlag
from accounts.services.incidents import clear_flag
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, at
from terminals.services.refunds import hot_list_flagged


@admin.register(CardFlag, site=office)
class CardFlagAdmin(ReadOnlyAdmin):
    """A suspicion with its evidence."""

    list_display = ["card", "kind", "state_label", "raised_by", "raised_at", "cleared_by", "cleared_at"]
    list_filter = ["kind", ("cleared_at", admin.EmptyFieldListFilter)]
    list_select_related = ["card"]
    search_fields = ["card__pan"]
    search_help_text = _("Card number")
    fields = ["card", "kind", "raised_by", "raised_at", "cleared_by", "cleared_at", "cleared_reason"]
    ordering = ["-pk"]
    actions_detail = ["clear", "hot_list"]

    @display(description=_("state"), ordering="cleared_at", label={"open": "danger", "cleared": "success"})
    def state_label(self, obj: CardFlag) -> tuple[str, str]:
        """Open or cleared, in its colour."""
        return ("cleared", gettext("cleared")) if obj.cleared_at else ("open", gettext("to be examined"))

    def tables(self, request: HttpRequest, obj: CardFlag) -> list[Table]:
        """The figures that the books cannot explain."""
        return [Table(_("Evidence"), [_("figure"), _("value")], list(obj.evidence.items()))]

    def offers(self, obj: CardFlag, step: str) -> bool:
        """While it is open."""
        return obj.cleared_at is None

    @action(
        description=pgettext_lazy("suspicion", "Clear"),
        permissions=["approve_refund"],
        icon="task_alt",
        variant=None,
    )
    def clear(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Somebody has looked into it and found nothing: the card may be refunded again."""
        flag = _flag(object_id)

        def act(reason: str) -> Facts:
            done = clear_flag(flag=flag, actor=request.user.get_username(), reason=reason)
            return [(gettext("cleared at"), at(done.cleared_at))]

        return ask_reason(request, self, flag, title=pgettext("suspicion", "Clear"), act=act)

    @action(description=_("Put on the hot list"), permissions=["report_loss"], icon="block", variant=None)
    def hot_list(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Terminals do not accept the card any more."""
        flag = _flag(object_id)

        def act(given: dict[str, object]) -> Facts:
            entry = hot_list_flagged(flag=flag, actor=request.user.get_username(), occurred_at=timezone.now())
            return [(gettext("hot list version"), str(entry.version))]

        return ask(request, self, flag, title=gettext("Put on the hot list"), form=ConfirmForm, act=act)


def _flag(object_id: str) -> CardFlag:
    return get_object_or_404(CardFlag.objects.select_related("card"), pk=unquote(object_id))
