"""The manner of every page in the office: it shows, it never writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django.contrib.admin.utils import unquote
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django_stubs_ext import StrOrPromise
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import display

from citizencard.office.tables import Table, yuan


def _may(codename: str) -> Callable[[ModelAdmin, HttpRequest, str | None], bool]:
    """What a step's `permissions=[…]` asks: may the user do it? By name, so that checking the site needs no database."""

    def allowed(self: ModelAdmin, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm(f"office.{codename}")

    return allowed


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]  # unfold is untyped
    """No add, change or delete for anybody, superusers included: services are the only writers.

    `tables` gives the tables under an object's own fields.
    """

    actions = None
    show_full_result_count = False
    list_per_page = 50
    change_form_outer_after_template = "office/tables.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Who has the model's `view` permission; `change` alone does not count, as nothing can be changed."""
        meta = self.opts
        return request.user.has_perm(f"{meta.app_label}.view_{meta.model_name}")

    def tables(self, request: HttpRequest, obj: Any) -> list[Table]:
        """What belongs to the object."""
        return []

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The object's page with its tables."""
        obj = self.get_object(request, unquote(object_id))
        tables = (
            self.tables(request, obj) if obj is not None and self.has_view_permission(request, obj) else []
        )
        context = {**(extra_context or {}), "tables": tables}
        page: HttpResponse = super().change_view(request, object_id, form_url, context)
        return page

    def object_of(self, request: HttpRequest, object_id: str) -> Any:
        """The object of a step. Raises Http404, also for what can be no key at all."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        return obj

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[UnfoldAction]:
        """Only the steps that make sense for the object as it is; the services refuse the others anyway."""
        obj = self.get_object(request, unquote(object_id))
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        return [action for action in allowed if obj is not None and self.offers(obj, action.path)]

    def offers(self, obj: Any, step: str) -> bool:
        """Whether the page of `obj` has a button for a step of `actions_detail`."""
        return True

    has_reveal_permission = _may("reveal_citizen")
    has_report_loss_permission = _may("report_loss")
    has_download_permission = _may("download_settlement")
    has_freeze_permission = _may("freeze_account")
    has_use_drawer_permission = _may("use_drawer")
    has_request_refund_permission = _may("request_refund")
    has_approve_refund_permission = _may("approve_refund")
    has_run_card_permission = _may("run_card")
    has_replace_card_permission = _may("replace_card")
    has_approve_subsidy_permission = _may("approve_subsidy")
    has_stop_mandate_permission = _may("stop_mandate")
    has_close_difference_permission = _may("close_difference")
    has_pay_out_permission = _may("pay_out")
    has_approve_payout_permission = _may("approve_payout")
    has_import_bank_file_permission = _may("import_bank_file")
    has_resolve_suspense_permission = _may("resolve_suspense")


def yuan_column(field: str, title: StrOrPromise) -> Callable[[ModelAdmin, Any], str]:
    """A list column that shows the fen of `field` as yuan and sorts by it."""

    def column(self: ModelAdmin, obj: Any) -> str:
        return yuan(getattr(obj, field))

    shown: Callable[[ModelAdmin, Any], str] = display(description=title, ordering=field)(column)
    return shown


def day_asked(request: HttpRequest) -> date | None:
    """The date asked for with `?day=`; None for none, or for something that is no date."""
    try:
        return date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return None
