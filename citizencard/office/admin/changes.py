"""What has happened to people: lists of other authorities and papers at the counter, believed by a second person."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from accounts.models import ComparisonList, PersonChange
from accounts.services.changes import refuse_change
from accounts.services.comparison import take_comparison
from citizencard.core.masks import mask_card
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.deciding import DECISION, DecidedAdmin
from citizencard.office.people_forms import ComparisonForm
from citizencard.office.reasons import ask_new
from citizencard.office.site import office
from citizencard.office.tables import Table, columns, link, yuan
from terminals.services.changes import approve_change

ROWS = 200


@admin.register(ComparisonList, site=office)
class ComparisonListAdmin(ReadOnlyAdmin):
    """Lists as they were taken."""

    list_display = ["number", "source", "as_of", "lines", "known", "maker", "taken_at"]
    list_filter = ["source"]
    search_fields = ["number"]
    fields = ["number", "source", "as_of", "lines", "known", "maker", "taken_at", "digest"]
    readonly_fields = ["digest"]
    ordering = ["-pk"]
    actions_list = ["upload"]

    @admin.display(description=_("SHA-256"))
    def digest(self, obj: ComparisonList) -> str:
        """Of the file as it came."""
        return bytes(obj.sha256).hex()

    def has_upload_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user upload lists?"""
        return request.user.has_perm("accounts.propose_change")

    def tables(self, request: HttpRequest, obj: ComparisonList) -> list[Table]:
        """What it says of people on the register."""
        changes = obj.changes.select_related("citizen").order_by("pk")[:ROWS]
        return [
            Table(
                _("Changes of persons"),
                [_("change"), _("on"), _("state"), _("checked by")],
                [[link(each), each.on, each.get_state_display(), each.checker or "–"] for each in changes],
                note=_("At most %(limit)s.") % {"limit": ROWS},
            )
        ]

    @action(description=_("Upload a list"), permissions=["upload"], icon="upload_file", variant=None)
    def upload(self, request: HttpRequest) -> HttpResponse:
        """Take the list whole, or show everything that is wrong with it."""

        def act(given: dict[str, Any]) -> ComparisonList:
            return take_comparison(content=given["file"].read(), maker=request.user.get_username())

        return ask_new(request, self, title=gettext("Upload a list"), form=ComparisonForm, act=act)


@admin.register(PersonChange, site=office)
class PersonChangeAdmin(DecidedAdmin):
    """What waits to be believed, and what was."""

    may_propose, may_decide = "accounts.propose_change", "accounts.approve_change"
    actions_list = list[str]()
    list_display = ["citizen", "kind", "on", "source", "state_label", "maker", "made_at", "checker"]
    list_filter = ["state", "kind"]
    list_select_related = ["citizen"]
    fields = ["citizen", "kind", "on", "source", "list", "name_mask", *DECISION]
    ordering = ["-pk"]

    def tables(self, request: HttpRequest, obj: PersonChange) -> list[Table]:
        """The person's cards and what is on them: what a death would suspend."""
        cards = obj.citizen.cards.select_related("product").prefetch_related("purses").order_by("pk")
        return [
            Table(
                _("Cards"),
                [_("card number"), _("product"), _("state"), _("balance")],
                [
                    [
                        link(card, mask_card(card.pan)),
                        card.product.name,
                        card.get_state_display(),
                        yuan(sum(purse.balance_fen for purse in card.purses.all())),
                    ]
                    for card in cards
                ],
                columns(3),
            )
        ]

    def to_decide_by(self, request: HttpRequest, row: PersonChange) -> list[Table]:
        """What is reported, of whom, on what."""
        told = Table(
            _("change of a person"),
            [_("citizen"), _("what has happened"), _("on"), _("new name"), _("source"), _("proposed by")],
            [
                [
                    link(row.citizen),
                    row.get_kind_display(),
                    row.on,
                    row.name_mask or "–",
                    row.source,
                    row.maker,
                ]
            ],
        )
        return [told, *self.tables(request, row)]

    def agree(self, row: PersonChange, checker: str) -> PersonChange:
        """It is so, and what follows from it is done."""
        return approve_change(change=row, checker=checker, occurred_at=timezone.now())

    def turn_down(self, row: PersonChange, checker: str, reason: str) -> PersonChange:
        """It is not."""
        return refuse_change(change=row, checker=checker, reason=reason)
