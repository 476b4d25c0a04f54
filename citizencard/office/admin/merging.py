"""Records that somebody holds for one person, and somebody else decides on."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import PersonMerge
from accounts.services.merging import approve_merge, refuse_merge
from citizencard.office.admin.deciding import DECISION, DecidedAdmin
from citizencard.office.admin.people_tables import alike_table, documents_table
from citizencard.office.site import office
from citizencard.office.tables import Table


@admin.register(PersonMerge, site=office)
class PersonMergeAdmin(DecidedAdmin):
    """Records that somebody holds for one person."""

    may_propose, may_decide = "accounts.propose_merge", "accounts.approve_merge"
    actions_list = list[str]()
    list_display = ["master", "other", "state_label", "maker", "made_at", "checker"]
    list_select_related = ["master", "other"]
    fields = ["master", "other", "reason", *DECISION]
    ordering = ["-pk"]

    def agree(self, row: PersonMerge, checker: str) -> PersonMerge:
        """Everything is the master's."""
        return approve_merge(merge=row, checker=checker)

    def turn_down(self, row: PersonMerge, checker: str, reason: str) -> PersonMerge:
        """They are two."""
        return refuse_merge(merge=row, checker=checker, reason=reason)

    def to_decide_by(self, request: HttpRequest, row: PersonMerge) -> list[Table]:
        """Both, with their documents and cards."""
        return [alike_table([row.master, row.other]), documents_table(row.master), documents_table(row.other)]
