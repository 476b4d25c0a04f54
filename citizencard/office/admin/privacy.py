"""Personal data: the access diary, what people ask about it, and the rules."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import DataAccess
from accounts.selectors.erasing import what_blocks_erasure
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.deciding import DECISION, DecidedAdmin
from citizencard.office.forms import ConfirmForm, ReasonForm
from citizencard.office.reasons import Facts, ask, ask_new, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, at, link
from citizencard.privacy.models import (
    AccessQuestion,
    CorrectionRequest,
    ErasureRequest,
    LegalHold,
    PrivacyRule,
)
from citizencard.privacy.services.corrections import answer_correction
from citizencard.privacy.services.erasures import approve_erasure, check_erasure, refuse_erasure
from citizencard.privacy.services.questions import ANSWER_MAX, answer_question
from citizencard.privacy.services.retention import place_hold, release_hold
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


class HoldForm(ReasonForm):
    """On what, and why."""

    subject = forms.ChoiceField(
        label=_("What for"),
        choices=[("", _("everything")), *PrivacyRule.Subject.choices],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )


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
        question = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            done = answer_question(
                question=question,
                answer=given["reason"],
                actor=request.user.get_username(),
                now=timezone.now(),
            )
            return [
                (gettext("answered at"), at(done.answered_at)),
                (pgettext("personal data", "answer"), done.answer),
            ]

        tables = self.tables(request, question)
        return ask(request, self, question, title=gettext("Answer"), form=AnswerForm, act=act, tables=tables)


@admin.register(CorrectionRequest, site=office)
class CorrectionRequestAdmin(ReadOnlyAdmin):
    """People say that something about them is wrong. It is put right on their page, and answered here."""

    list_display = ["citizen", "field", "made_by", "made_at", "due_on", "answered_at", "answered_by"]
    list_filter = [Waits, "field"]
    list_select_related = ["citizen"]
    fields = ["citizen", "field", "made_by", "made_at", "due_on", "answered_at", "answered_by", "answer"]
    ordering = ["due_on", "pk"]
    actions_detail = ["give_answer"]

    def has_answer_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user answer?"""
        return request.user.has_perm("privacy.answer_correctionrequest")

    def offers(self, obj: CorrectionRequest, step: str) -> bool:
        """Answered once."""
        return obj.answered_at is None

    @action(description=_("Answer"), permissions=["answer"], icon="reply", variant=None)
    def give_answer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Tell the person what was put right, or why nothing was."""
        row = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            actor, now = request.user.get_username(), timezone.now()
            done = answer_correction(request=row, answer=given["reason"], actor=actor, now=now)
            return [
                (gettext("answered at"), at(done.answered_at)),
                (pgettext("personal data", "answer"), done.answer),
            ]

        return ask(request, self, row, title=gettext("Answer"), form=AnswerForm, act=act)


@admin.register(ErasureRequest, site=office)
class ErasureRequestAdmin(ReadOnlyAdmin):
    """Who asks to be erased, how far it is, and by when."""

    list_display = ["citizen", "state", "made_by", "made_at", "due_on", "checked_by", "decided_by"]
    list_filter = ["state"]
    list_select_related = ["citizen"]
    fields = [
        "citizen", "state", "made_by", "made_at", "due_on", "checked_by", "checked_at", "decided_by", "decided_at", "answer",
    ]  # fmt: skip
    ordering = ["due_on", "pk"]
    actions_detail = ["confirm", "approve", "refuse"]

    def tables(self, request: HttpRequest, obj: ErasureRequest) -> list[Table]:
        """What stands against it now."""
        if obj.state not in ErasureRequest.UNDER_WAY:
            return []
        rows = [[sentence] for sentence in what_blocks_erasure(obj.citizen)]
        return [Table(_("What stands against erasing"), [_("to do first")], rows)]

    def has_check_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user check who asks?"""
        return request.user.has_perm("privacy.check_erasurerequest")

    def has_approve_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user erase people?"""
        return request.user.has_perm("privacy.approve_erasurerequest")

    def offers(self, obj: ErasureRequest, step: str) -> bool:
        """Checked, then carried out, or refused before."""
        wanted = {
            "confirm": (ErasureRequest.State.OPEN,),
            "approve": (ErasureRequest.State.CHECKED,),
            "refuse": ErasureRequest.UNDER_WAY,
        }
        return obj.state in wanted[step]

    @action(description=_("It is the person"), permissions=["check"], icon="how_to_reg", variant=None)
    def confirm(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """On what it rests that they ask themselves."""
        row = self.object_of(request, object_id)

        def act(reason: str) -> Facts:
            actor = request.user.get_username()
            return _state(check_erasure(request=row, actor=actor, proof=reason, now=timezone.now()))

        return ask_reason(
            request, self, row, title=gettext("It is the person"), act=act, tables=self.tables(request, row)
        )

    @action(description=_("Erase the person"), permissions=["approve"], icon="person_off", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """For good."""
        row = self.object_of(request, object_id)

        def act(_given: dict[str, Any]) -> Facts:
            actor = request.user.get_username()
            return _state(approve_erasure(request=row, actor=actor, now=timezone.now()))

        tables, title = self.tables(request, row), gettext("Erase the person")
        return ask(request, self, row, title=title, form=ConfirmForm, act=act, tables=tables)

    @action(description=_("Refuse"), permissions=["approve"], icon="block", variant=None)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The person reads why."""
        row = self.object_of(request, object_id)

        def act(reason: str) -> Facts:
            actor = request.user.get_username()
            return _state(refuse_erasure(request=row, actor=actor, answer=reason, now=timezone.now()))

        return ask_reason(request, self, row, title=gettext("Refuse"), act=act)


def _state(row: ErasureRequest) -> Facts:
    return [(gettext("state"), row.get_state_display())]


@admin.register(LegalHold, site=office)
class LegalHoldAdmin(ReadOnlyAdmin):
    """What is kept although a rule would remove it."""

    list_display = ["__str__", "citizen", "placed_by", "placed_at", "released_by", "released_at"]
    list_select_related = ["citizen"]
    fields = ["subject", "citizen", "reason", "placed_by", "placed_at", "released_by", "released_at"]
    ordering = ["-pk"]
    actions_list = ["place"]
    actions_detail = ["release"]

    def has_hold_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user place and release holds?"""
        return request.user.has_perm("privacy.place_legalhold")

    def offers(self, obj: LegalHold, step: str) -> bool:
        """Released once."""
        return obj.released_at is None

    @action(description=_("Place a hold"), permissions=["hold"], icon="lock", variant=None)
    def place(self, request: HttpRequest) -> HttpResponse:
        """On a kind of data, or on everything."""

        def act(given: dict[str, Any]) -> LegalHold:
            return place_hold(actor=request.user.get_username(), now=timezone.now(), **given)

        return ask_new(request, self, title=gettext("Place a hold"), form=HoldForm, act=act)

    @action(description=_("Release the hold"), permissions=["hold"], icon="lock_open", variant=None)
    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """By somebody else than who placed it."""
        hold = self.object_of(request, object_id)

        def act(_given: dict[str, Any]) -> Facts:
            done = release_hold(hold=hold, actor=request.user.get_username(), now=timezone.now())
            return [(gettext("released at"), at(done.released_at))]

        title = gettext("Release the hold")
        return ask(request, self, hold, title=title, form=ConfirmForm, act=act)


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
