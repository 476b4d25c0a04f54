"""Personal data: the access diary, what people ask about it, and the rules."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import DataAccess
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.deciding import DECISION, DecidedAdmin
from citizencard.office.forms import ReasonForm
from citizencard.office.reasons import Facts, ask, ask_new
from citizencard.office.site import office
from citizencard.office.tables import Table, at, link
from citizencard.privacy.models import AccessQuestion, PrivacyRule
from citizencard.privacy.services.questions import ANSWER_MAX, answer_question
from citizencard.privacy.services.rules import (
    approve_privacy_rule,
    propose_privacy_rule,
    refuse_privacy_rule,
)


class AnswerForm(ReasonForm):
    """What the person reads."""

    reason = forms.CharField(
        label=_("Answer"),
        max_length=ANSWER_MAX,
        help_text=_("The person reads this. Name no colleague."),
        widget=ReasonForm.base_fields["reason"].widget,
    )


class RuleForm(forms.Form):
    """A rule, what it rests on, and from when."""

    subject = forms.ChoiceField(
        label=_("What for"), choices=PrivacyRule.Subject.choices, widget=UnfoldAdminSelectWidget
    )
    days = forms.IntegerField(label=_("Days"), min_value=1, widget=UnfoldAdminIntegerFieldWidget)
    valid_from = forms.DateField(
        label=_("Valid from"), widget=UnfoldAdminTextInputWidget(attrs={"type": "date"})
    )
    legal_basis = forms.CharField(label=_("Legal basis"), max_length=200, widget=UnfoldAdminTextInputWidget)


@admin.register(DataAccess, site=office)
class DataAccessAdmin(ReadOnlyAdmin):
    """Who has seen whose data."""

    list_display = ["at", "actor", "role", "what", "citizen", "ground"]
    list_filter = ["what", "role", ("at", admin.DateFieldListFilter)]
    list_select_related = ["citizen"]
    search_fields = ["actor", "=citizen__pk"]
    fields = ["at", "actor", "role", "what", "fields_text", "citizen", "ground"]
    readonly_fields = ["fields_text"]
    ordering = ["-pk"]

    @display(description=_("data"))
    def fields_text(self, obj: DataAccess) -> str:
        """Which."""
        return obj.fields_text


class Waits(admin.SimpleListFilter):
    """What is still to be answered."""

    title, parameter_name = _("answered"), "waits"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Open or answered."""
        return [("yes", _("to be answered")), ("no", _("answered"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AccessQuestion]) -> QuerySet[AccessQuestion]:
        """Those."""
        waits = {"yes": True, "no": False}.get(self.value() or "")
        return queryset if waits is None else queryset.filter(answered_at__isnull=waits)


@admin.register(AccessQuestion, site=office)
class AccessQuestionAdmin(ReadOnlyAdmin):
    """People ask why their data were looked at."""

    list_display = ["access", "seen_by", "asked_at", "due_on", "answered_at", "answered_by"]
    list_filter = [Waits]
    list_select_related = ["access"]
    fields = ["seen_by", "asked_at", "due_on", "answered_at", "answered_by", "answer"]
    ordering = ["due_on", "pk"]
    actions_detail = ["give_answer"]

    def tables(self, request: HttpRequest, obj: AccessQuestion) -> list[Table]:
        """The access, and what else the same person looked at of this citizen's."""
        others = DataAccess.objects.filter(citizen=obj.access.citizen_id, actor=obj.seen_by).order_by("-at")
        return [
            Table(
                _("What they saw of this citizen"),
                [_("at"), _("what"), _("data"), _("ground"), _("citizen")],
                [
                    [
                        at(each.at),
                        each.get_what_display(),
                        each.fields_text,
                        each.ground or "–",
                        link(each.citizen),
                    ]
                    for each in others.select_related("citizen")[:50]
                ],
            )
        ]

    def has_answer_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user answer?"""
        return request.user.has_perm("privacy.answer_accessquestion")

    def offers(self, obj: AccessQuestion, step: str) -> bool:
        """Answered once."""
        return obj.answered_at is None

    @action(description=_("Answer"), permissions=["answer"], icon="reply", variant=None)
    def give_answer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Tell the person why their data were looked at."""
        question = self.found(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            done = answer_question(
                question=question,
                answer=given["reason"],
                actor=request.user.get_username(),
                now=timezone.now(),
            )
            return [(gettext("answered at"), at(done.answered_at)), (gettext("answer"), done.answer)]

        tables = self.tables(request, question)
        return ask(request, self, question, title=gettext("Answer"), form=AnswerForm, act=act, tables=tables)


@admin.register(PrivacyRule, site=office)
class PrivacyRuleAdmin(DecidedAdmin):
    """By when people are answered, and how long data are kept."""

    may_propose, may_decide = "privacy.propose_privacyrule", "privacy.approve_privacyrule"
    list_display = ["subject", "days", "valid_from", "state_label", "maker", "checker"]
    list_filter = ["state", "subject"]
    fields = ["subject", "days", "valid_from", "legal_basis", *DECISION]
    ordering = ["subject", "-valid_from"]

    @action(description=_("Propose"), permissions=["propose"], icon="edit_document", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """A rule for a second person."""

        def act(given: dict[str, Any]) -> PrivacyRule:
            return propose_privacy_rule(maker=request.user.get_username(), **given)

        title = gettext("Propose a rule about personal data")
        return ask_new(request, self, title=title, form=RuleForm, act=act)

    def agree(self, row: PrivacyRule, checker: str) -> PrivacyRule:
        """It holds from its date on."""
        return approve_privacy_rule(rule=row, checker=checker)

    def turn_down(self, row: PrivacyRule, checker: str, reason: str) -> PrivacyRule:
        """It does not."""
        return refuse_privacy_rule(rule=row, checker=checker, reason=reason)
