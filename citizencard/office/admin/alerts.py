"""The risk queue: what the rules have found, in words and with its evidence, and a person's decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import action, display

from accounts.models import Card, RiskAlert, RiskParameters
from accounts.selectors.alerts import open_alerts
from accounts.selectors.risk_words import AUTOMATED_DECISIONS, explain
from accounts.services.alerts import confirm_alert, dismiss_alert
from citizencard.core.calendar import shanghai
from citizencard.office.admin.alert_tables import evidence_tables, parameters_table
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.reasons import Facts, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, link
from terminals.models import Merchant, Terminal

COLOURS: Final = {"open": "warning", "confirmed": "danger", "dismissed": "success"}
_MODELS: Final = {"card": Card, "terminal": Terminal, "merchant": Merchant}


class QueueFilter(admin.SimpleListFilter):
    """The work lists."""

    title = _("waits for")
    parameter_name = "waits"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        """A review, one that is overdue, one that holds a payout back."""
        return [
            ("review", _("review")),
            ("late", _("overdue review")),
            ("payout", _("review, a payout waits")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RiskAlert]) -> QuerySet[RiskAlert]:
        """Those asked for."""
        waiting, today = open_alerts(), shanghai(timezone.now()).date()
        lists = {
            "review": waiting,
            "late": waiting.filter(review_by__lt=today),
            "payout": waiting.filter(card__isnull=False, parameters__blocks_payout=True),
        }
        wanted = self.value() or ""
        return queryset.filter(pk__in=lists[wanted].values("pk")) if wanted in lists else queryset


@admin.register(RiskAlert, site=office)
class RiskAlertAdmin(ReadOnlyAdmin):
    """What a rule has found about somebody or something on a business date."""

    list_display = [
        "id",
        "rule",
        "about",
        "finding",
        "state_label",
        "business_date",
        "review_by",
        "reviewed_by",
    ]
    list_filter = [QueueFilter, "state", "rule", "subject_kind", "parameters__candidate"]
    list_select_related = ["card", "parameters"]
    search_fields = ["card__pan", "=subject"]
    search_help_text = _("Card number or whatever it is about")
    fields = [
        "rule", "rule_version", "about", "finding", "business_date", "raised_at", "review_by", "state", "reviewed_by",
        "reviewed_at", "review_reason",
    ]  # fmt: skip
    readonly_fields = ["about", "finding"]
    ordering = ["review_by", "pk"]
    actions_detail = ["confirm", "dismiss"]

    def has_review_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user confirm and dismiss?"""
        return request.user.has_perm("accounts.review_riskalert")

    @display(description=_("state"), ordering="state", label=COLOURS)
    def state_label(self, obj: RiskAlert) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    @display(description=_("about"), ordering="subject")
    def about(self, obj: RiskAlert) -> str:
        """Whom or what it is about."""
        return f"{obj.get_subject_kind_display()} {obj.card.pan if obj.card else _short(obj.subject)}"

    @display(description=_("finding"))
    def finding(self, obj: RiskAlert) -> str:
        """What was found, in the reader's language."""
        return explain(obj)

    def tables(self, request: HttpRequest, obj: RiskAlert) -> list[Table]:
        """What it is about, what it goes by, and what follows."""
        return [_subject_table(obj), *evidence_tables(obj), parameters_table(obj)]

    def offers(self, obj: RiskAlert, step: str) -> bool:
        """While nobody has looked."""
        return bool(obj.state == RiskAlert.State.OPEN)

    @action(
        description=pgettext_lazy("alert", "Confirm"), permissions=["review"], icon="gpp_bad", variant=None
    )
    def confirm(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """There is something to it."""
        return self._review(request, object_id, pgettext("alert", "Confirm"), confirm_alert)

    @action(
        description=pgettext_lazy("alert", "Dismiss"), permissions=["review"], icon="task_alt", variant=None
    )
    def dismiss(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """There is nothing to it."""
        return self._review(request, object_id, pgettext("alert", "Dismiss"), dismiss_alert)

    def _review(
        self, request: HttpRequest, object_id: str, title: str, service: Callable[..., RiskAlert]
    ) -> HttpResponse:
        alert = get_object_or_404(
            RiskAlert.objects.select_related("card", "parameters"), pk=unquote(object_id)
        )

        def act(reason: str) -> Facts:
            reviewed = service(
                alert=alert, actor=request.user.get_username(), reason=reason, occurred_at=timezone.now()
            )
            return [
                (gettext("state"), reviewed.get_state_display()),
                (gettext("what follows"), _what_follows(reviewed)),
            ]

        said = Table(_("finding"), [_("in words"), _("law")], [(explain(alert), AUTOMATED_DECISIONS)])
        tables = [said, *evidence_tables(alert)]
        return ask_reason(request, self, alert, title=title, act=act, tables=tables)


def _what_follows(alert: RiskAlert) -> str:
    if alert.state == RiskAlert.State.DISMISSED:
        return gettext("nothing; what waited goes on")
    if alert.card is None:
        return gettext("nothing by itself")
    candidate = RiskParameters.Candidate(alert.parameters.candidate)
    if not candidate:
        return gettext("nothing is paid out until the suspicion is cleared")
    words = gettext(
        "nothing is paid out until the suspicion is cleared; candidate for: %(list)s, by another person"
    )
    return words % {"list": candidate.label}


def _subject_table(alert: RiskAlert) -> Table:
    model = _MODELS.get(alert.subject_kind)
    thing = model.objects.filter(pk=alert.subject).first() if model else None  # type: ignore[attr-defined]  # mixed models
    shown = link(thing) if thing else _short(alert.subject)
    return Table(_("about"), [_("kind"), _("which")], [(alert.get_subject_kind_display(), shown)])


def _short(subject: str) -> str:
    """A buyer is a person, and a list names nobody."""
    return f"…{subject[-6:]}" if len(subject) > 30 else subject
