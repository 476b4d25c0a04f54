"""The fleet: every terminal with what is wrong with it, its history, and the steps staff take with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.fleet_tables import (
    batches_table,
    drift_words,
    events_table,
    heartbeats_table,
    keys_table,
    policy_table,
)
from citizencard.office.admin.fleet_view import LineFilter, MarkFilter, fleet_tiles, mark_words, marks_of
from citizencard.office.reasons import Facts, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table
from terminals.models import Terminal
from terminals.services.enrolment import CODE_LIFE, TRIES_MAX, issue_enrolment_code
from terminals.services.fleet import resume_terminal, retire_terminal, revoke_terminal, suspend_terminal

_State = Terminal.State
COLOURS: Final = {
    "registered": "info", "active": "success", "suspended": "warning", "revoked": "danger", "retired": "default",
}  # fmt: skip
_OFFERED: Final = {
    "enrol": (_State.REGISTERED, _State.ACTIVE, _State.SUSPENDED),
    "suspend": (_State.ACTIVE,),
    "resume": (_State.SUSPENDED,),
    "revoke": (_State.REGISTERED, _State.ACTIVE, _State.SUSPENDED),
    "retire": (_State.REGISTERED, _State.ACTIVE, _State.SUSPENDED),
}
"""In which states a step has a button."""


@admin.register(Terminal, site=office)
class TerminalAdmin(ReadOnlyAdmin):
    """Devices that take taps."""

    list_display = [
        "code", "place", "merchant", "state_label", "wrong", "seen_at", "list_known", "waiting_records", "drift",
    ]  # fmt: skip
    list_filter = [MarkFilter, "state", "kind", LineFilter, "merchant"]
    list_select_related = ["merchant"]
    list_before_template = "office/fleet_tiles.html"
    search_fields = ["code", "place", "terminal_no", "serial", "site__code", "site__name"]
    search_help_text = _("Code, place, SAM terminal number, serial number or vehicle")
    fields = [
        "code", "kind", "serial", "merchant", "place", "site", "tariff_code", "terminal_no", "state", "state_at",
        "state_reason", "seen_at", "tapped_at", "list_known", "told_at", "firmware", "sam_key_version",
        "parameter_version", "tariff_version", "drift", "free_space", "waiting_records",
    ]  # fmt: skip
    readonly_fields = ["list_known", "drift", "free_space"]
    ordering = ["code"]
    actions_detail = ["enrol", "suspend", "resume", "revoke", "retire"]

    def has_enrol_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user give out enrolment codes?"""
        return request.user.has_perm("terminals.enrol_terminal")

    def has_stop_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user take a terminal out of service, for a time or for good?"""
        return request.user.has_perm("terminals.stop_terminal")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Each terminal of the page with what is wrong with it."""
        shown: ChangeList = super().get_changelist_instance(request)
        shown.result_list = list(shown.result_list)
        for terminal in shown.result_list:
            terminal.wrong = mark_words(marks_of(request).get(terminal.pk))
        return shown

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The fleet in tiles above its list."""
        tiles = fleet_tiles(request) if self.has_view_permission(request) else []
        page: HttpResponse = super().changelist_view(request, {**(extra_context or {}), "tiles": tiles})
        return page

    @display(description=_("state"), ordering="state", label=COLOURS)
    def state_label(self, obj: Terminal) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    @display(description=_("to look after"), label={True: "danger"})
    def wrong(self, obj: Any) -> tuple[bool, str] | None:
        """What is wrong with it, or nothing."""
        return (True, obj.wrong) if obj.wrong else None

    @display(description=_("hot list"), ordering="hot_list_version")
    def list_known(self, obj: Terminal) -> str:
        """The version the terminal has, and since how long."""
        if obj.hot_list_at is None:
            return str(obj.hot_list_version)
        return f"{obj.hot_list_version} · {timesince(obj.hot_list_at, depth=1)}"

    @display(description=_("clock"), ordering="drift_ms")
    def drift(self, obj: Terminal) -> str:
        """How far the terminal's clock is ahead (+) or behind (−)."""
        return drift_words(obj.drift_ms)

    @display(description=_("free space"))
    def free_space(self, obj: Terminal) -> str:
        """Room for the journal, in megabytes."""
        return "–" if obj.free_bytes is None else f"{obj.free_bytes / 1_000_000:,.0f} MB"

    def tables(self, request: HttpRequest, obj: Terminal) -> list[Table]:
        """Its keys, what it told, its latest uploads, and the policy behind what is wrong."""
        return [
            keys_table(obj),
            events_table(obj),
            heartbeats_table(obj),
            batches_table(obj),
            policy_table(obj),
        ]

    def offers(self, obj: Terminal, step: str) -> bool:
        """By the state."""
        return obj.state in _OFFERED[step]

    @action(description=_("Enrol"), permissions=["enrol"], icon="qr_code", variant=None)
    def enrol(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give out a code for the device; it is shown this once."""
        terminal = _terminal_of(object_id)

        def act(reason: str) -> Facts:
            code = issue_enrolment_code(terminal=terminal, actor=request.user.get_username(), reason=reason)
            minutes = int(CODE_LIFE.total_seconds() // 60)
            life = gettext("once, for %(minutes)s minutes and %(tries)s tries; shown only now")
            return [
                (gettext("enrolment code"), code),
                (gettext("SAM terminal number"), terminal.terminal_no),
                (gettext("valid"), life % {"minutes": minutes, "tries": TRIES_MAX}),
            ]

        return ask_reason(request, self, terminal, title=gettext("Enrol"), act=act)

    @action(description=_("Suspend"), permissions=["stop"], icon="pause_circle", variant=None)
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Out of service until somebody resumes it."""
        return self._step(request, object_id, gettext("Suspend"), suspend_terminal)

    @action(description=_("Resume"), permissions=["stop"], icon="play_circle", variant=None)
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Back in service."""
        return self._step(request, object_id, gettext("Resume"), resume_terminal)

    @action(description=_("Revoke"), permissions=["stop"], icon="block", variant=None)
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Stolen or cloned: it is not believed any more."""
        return self._step(request, object_id, gettext("Revoke"), revoke_terminal)

    @action(description=_("Retire"), permissions=["stop"], icon="inventory_2", variant=None)
    def retire(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """At the end of its life."""
        return self._step(request, object_id, gettext("Retire"), retire_terminal)

    def _step(
        self, request: HttpRequest, object_id: str, title: str, service: Callable[..., Terminal]
    ) -> HttpResponse:
        terminal = _terminal_of(object_id)

        def act(reason: str) -> Facts:
            stepped = service(terminal=terminal, actor=request.user.get_username(), reason=reason)
            return [(gettext("state"), stepped.get_state_display()), (gettext("reason"), reason)]

        return ask_reason(request, self, terminal, title=title, act=act)


def _terminal_of(object_id: str) -> Terminal:
    return get_object_or_404(Terminal, pk=unquote(object_id))
