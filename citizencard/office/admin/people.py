"""Citizens behind masks, staff, and the audit trail."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import Citizen, User
from accounts.selectors.people import find_people
from accounts.services.citizens import reveal_citizen
from citizencard.core.models import AuditEntry
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.concession_pages import concessions_table
from citizencard.office.reasons import ask_reason
from citizencard.office.roles import TITLES
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, link, yuan


@admin.register(Citizen, site=office)
class CitizenAdmin(ReadOnlyAdmin):
    """Masks only. Personal data in clear is a separate step with a reason, kept in the audit trail."""

    list_display = ["masked_name", "document_mask", "phone_mask", "level", "registered_at"]
    list_filter = ["level"]
    search_fields = ["pk"]
    search_help_text = _("Document, telephone, whole name or card number")
    fields = ["masked_name", "document_mask", "phone_mask", "level", "merged_into", "registered_at"]
    readonly_fields = ["masked_name"]
    ordering = ["-registered_at"]
    actions_detail = ["reveal"]

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
            _documents(obj),
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

    @action(description=_("Reveal personal data"), permissions=["reveal"], icon="visibility")
    def reveal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then show the data once; leaving the page hides them again."""
        citizen = get_object_or_404(Citizen, pk=unquote(object_id))

        def show(reason: str) -> list[tuple[str, str]]:
            clear = reveal_citizen(citizen=citizen, actor=request.user.get_username(), reason=reason)
            values = (clear.name, clear.document_number, clear.phone or "–")
            return list(
                zip(
                    (pgettext("person", "name"), gettext("document number"), gettext("phone")),
                    values,
                    strict=True,
                )
            )

        return ask_reason(request, self, citizen, title=gettext("Reveal personal data"), act=show)


def _documents(citizen: Citizen) -> Table:
    return Table(
        _("Documents"),
        [
            _("document"),
            _("number"),
            _("nationality"),
            _("valid to"),
            _("source"),
            _("as of"),
            _("on the card"),
            _("ended at"),
        ],
        [
            [
                each.get_kind_display(),
                each.mask,
                each.nationality or "–",
                each.valid_to or "–",
                each.source,
                each.as_of,
                "✓" if each.main else "",
                at(each.ended_at),
            ]
            for each in citizen.documents.order_by("ended_at", "added_at")
        ],
    )


@admin.register(AuditEntry, site=office)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did or saw what."""

    list_display = ["at", "actor", "action", "subject", "ip"]
    list_filter = ["action"]
    search_fields = ["actor", "subject"]
    fields = ["at", "actor", "action", "subject", "detail", "ip", "chain"]
    readonly_fields = ["chain"]
    ordering = ["-pk"]

    @display(description=_("hash"))
    def chain(self, obj: AuditEntry) -> str:
        """The entry's own hash; the next entry carries it."""
        return bytes(obj.hash).hex()


@admin.register(User, site=office)
class StaffAdmin(ReadOnlyAdmin):
    """Staff logins and their roles. Citizens' logins are their own affair and are not listed."""

    list_display = ["username", "roles", "is_active", "last_login"]
    fields = ["username", "roles", "is_active", "is_superuser", "last_login", "date_joined"]
    readonly_fields = ["roles"]
    ordering = ["username"]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Staff only."""
        return super().get_queryset(request).filter(is_staff=True).prefetch_related("groups")

    @display(description=_("roles"))
    def roles(self, obj: User) -> str:
        """The user's roles by their titles."""
        return "、".join(str(TITLES.get(group.name, group.name)) for group in obj.groups.all()) or "–"
