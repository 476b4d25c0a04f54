"""Citizens behind masks."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.errors import GuardianRequired
from accounts.models import Citizen, Consent, DataAccess
from accounts.selectors.people import find_people, perhaps_the_same
from accounts.services.changes import report_change
from accounts.services.citizens import COUNTER, give_consent, register_citizen
from accounts.services.diary import note_access
from accounts.services.guardians import appoint_guardian
from accounts.services.merging import propose_merge
from accounts.services.papers import add_document, read_paper
from accounts.services.verification import set_level
from citizencard.core.errors import NotFound
from citizencard.office.admin.concession_pages import concessions_table
from citizencard.office.admin.people_tables import alike_table, documents_table, guardian_tables
from citizencard.office.admin.person_data import PersonData
from citizencard.office.desk.issuing import begin_page
from citizencard.office.people_forms import (
    ChangeForm,
    CitizenForm,
    ConsentForm,
    DocumentForm,
    LevelForm,
    OtherPersonForm,
)
from citizencard.office.reasons import Facts, ask, ask_new
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, link, yuan


@admin.register(Citizen, site=office)
class CitizenAdmin(PersonData):
    """Masks only. Personal data in clear is a separate step with a reason, kept in the audit trail."""

    list_display = ["masked_name", "document_mask", "phone_mask", "level", "registered_at"]
    list_filter = ["level"]
    search_fields = ["pk"]
    search_help_text = _("Document, telephone, whole name or card number")
    fields = [
        "masked_name", "document_mask", "phone_mask", "level", "deceased_on", "moved_out_on", "merged_into", "registered_at",
        "erased_at",
    ]  # fmt: skip
    readonly_fields = ["masked_name"]
    ordering = ["-registered_at"]
    actions_list = ["register"]
    actions_detail = [
        "issue",
        "reveal",
        "copy",
        "document",
        "consent",
        "guardian",
        "level",
        "merge",
        "report",
        "correct",
        "erase",
    ]

    @display(description=pgettext_lazy("person", "name"))
    def masked_name(self, obj: Citizen) -> str:
        """Enough to recognise, not enough to know."""
        return obj.name_mask

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Citizen], search_term: str
    ) -> tuple[QuerySet[Citizen], bool]:
        """Whom the words may mean, by blind index; nothing of them is looked for in clear."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=[each.pk for each in find_people(search_term)]), False

    def tables(self, request: HttpRequest, obj: Citizen) -> list[Table]:
        """The citizen's documents, concessions, cards and consents."""
        cards = obj.cards.select_related("product").prefetch_related("purses").order_by("pk")
        consents = obj.consents.order_by("-given_at")
        return [
            documents_table(obj),
            *guardian_tables(obj),
            *concessions_table(obj),
            Table(
                _("Cards"),
                [_("card number"), _("product"), _("state"), _("balance")],
                [
                    [link(card), card.product, card.get_state_display(), yuan(card.purse.balance_fen)]
                    for card in cards
                ],
                columns(3),
            ),
            Table(
                _("Consents"),
                [_("purpose"), _("given at"), _("withdrawn at")],
                [[each.get_purpose_display(), at(each.given_at), at(each.withdrawn_at)] for each in consents],
            ),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The citizen's page; that it was opened stands in their access diary."""
        citizen = self.get_object(request, unquote(object_id))
        is_shown = request.method == "GET" and citizen is not None
        if is_shown and self.has_view_permission(request, citizen):
            actor = request.user.get_username()
            note_access(
                citizen=citizen, what=DataAccess.What.OPENED, fields=[DataAccess.Field.RECORD], actor=actor
            )
        return super().change_view(request, object_id, form_url, extra_context)

    def has_register_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user register people and keep their documents?"""
        return request.user.has_perm("office.register_citizen")

    def has_level_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user say how well somebody is known?"""
        return request.user.has_perm("office.set_level")

    def has_merge_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user propose that two records are one person?"""
        return request.user.has_perm("accounts.propose_merge")

    def has_report_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user report what has happened to people?"""
        return request.user.has_perm("accounts.propose_change")

    def offers(self, obj: Citizen, step: str) -> bool:
        """A record that was merged is only looked at, and of one that was erased there is nothing to see."""
        return obj.erased_at is None and (step in ("reveal", "copy") or obj.merged_into_id is None)

    @action(description=_("Register a citizen"), permissions=["register"], icon="person_add", variant=None)
    def register(self, request: HttpRequest) -> HttpResponse:
        """A first document, a name, and what the person agrees to."""

        def act(given: dict[str, Any]) -> Citizen:
            actor, agrees = request.user.get_username(), given.pop("consent")
            citizen = register_citizen(actor=actor, **given)
            try:
                if agrees:
                    give_consent(citizen=citizen, purpose=Consent.Purpose.CARD, actor=actor)
            except GuardianRequired as refusal:  # a child is registered first, and then the guardian
                messages.warning(request, str(refusal))
            return citizen

        return ask_new(request, self, title=gettext("Register a citizen"), form=CitizenForm, act=act)

    @action(description=_("Add or renew a document"), permissions=["register"], icon="badge", variant=None)
    def document(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Another document of the person."""
        citizen = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            main = given.pop("main")
            paper = read_paper(
                given["document_kind"],
                given["document_number"],
                given["nationality"],
                given["valid_to"],
                COUNTER,
            )
            kept = add_document(citizen=citizen, paper=paper, actor=request.user.get_username(), main=main)
            return [(kept.get_kind_display(), kept.mask), (gettext("valid to"), str(kept.valid_to or "–"))]

        title = gettext("Add or renew a document")
        return ask(
            request, self, citizen, title=title, form=DocumentForm, act=act, tables=[documents_table(citizen)]
        )

    @action(description=_("Record consent"), permissions=["register"], icon="handshake", variant=None)
    def consent(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The person agrees to the card, or for a child a guardian."""
        citizen = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            guardian = _meant(given["guardian"]) if given["guardian"] else None
            kept = give_consent(
                citizen=citizen,
                purpose=Consent.Purpose.CARD,
                actor=request.user.get_username(),
                guardian=guardian,
            )
            return [(kept.get_purpose_display(), at(kept.given_at))]

        return ask(request, self, citizen, title=gettext("Record consent"), form=ConsentForm, act=act)

    @action(
        description=_("Record a guardian"), permissions=["register"], icon="escalator_warning", variant=None
    )
    def guardian(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Somebody of age acts for this child."""
        ward = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            kept = appoint_guardian(
                guardian=_meant(given["other"]),
                ward=ward,
                proof=given["reason"],
                actor=request.user.get_username(),
                occurred_at=timezone.now(),
            )
            return [(gettext("guardian"), str(kept.guardian)), (gettext("proof"), kept.proof)]

        title = gettext("Record a guardian")
        return ask(
            request, self, ward, title=title, form=OtherPersonForm, act=act, tables=guardian_tables(ward)
        )

    @action(
        description=_("Set the verification level"), permissions=["level"], icon="verified_user", variant=None
    )
    def level(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Better known on a proof; less well at once."""
        citizen = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            done = set_level(
                citizen=citizen,
                level=given["level"],
                proof=given["reason"],
                actor=request.user.get_username(),
                occurred_at=timezone.now(),
            )
            return [(gettext("verification level"), done.get_level_display())]

        return ask(
            request, self, citizen, title=gettext("Set the verification level"), form=LevelForm, act=act
        )

    @action(description=_("Propose to merge"), permissions=["merge"], icon="merge", variant=None)
    def merge(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Another record is of the same person; somebody else approves it."""
        master = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            maker, other = request.user.get_username(), _meant(given["other"])
            made = propose_merge(master=master, other=other, reason=given["reason"], maker=maker)
            return [(gettext("proposed"), str(made)), (gettext("state"), made.get_state_display())]

        title = gettext("Propose to merge")
        return ask(
            request,
            self,
            master,
            title=title,
            form=OtherPersonForm,
            act=act,
            tables=[alike_table(perhaps_the_same(master))],
        )

    @action(description=_("Report a change"), permissions=["report"], icon="history_edu", variant=None)
    def report(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A death, a move, a new name, on a paper; somebody else decides."""
        citizen = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            made = report_change(citizen=citizen, maker=request.user.get_username(), **given)
            return [(gettext("proposed"), str(made)), (gettext("state"), made.get_state_display())]

        return ask(request, self, citizen, title=gettext("Report a change"), form=ChangeForm, act=act)

    def has_issue_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user issue cards?"""
        return request.user.has_perm("accounts.issue_card")

    @action(description=_("Issue a card"), permissions=["issue"], icon="add_card", variant=None)
    def issue(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The desk's guided issue, for somebody who was found."""
        return begin_page(request, self.admin_site, citizen=self.object_of(request, object_id))


def _meant(number: str) -> Citizen:
    """The one person whose document or card this is. Raises NotFound."""
    found = find_people(number)
    if len(found) != 1:
        raise NotFound(what=gettext("citizen"))
    return found[0]
