"""The office: one admin site for all staff, Chinese first."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any, Final

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp
from django.apps import apps
from django.conf import settings
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from accounts.services.drawer_entries import cash_needs_drawer

View = Callable[..., HttpResponseBase]

# Looser than the portal's policy in two points, because of the admin theme: its Alpine.js builds functions from
# attributes ('unsafe-eval') and sets style attributes ('unsafe-inline' for styles). Scripts still come from our own
# files only: there is no inline script, so text that somebody smuggles into a page is not run.
POLICY: Final[dict[str, list[str]]] = {
    "default-src": [SELF],
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:"],
    "object-src": [NONE],
    "base-uri": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
}
_with_policy = csp(POLICY)


class OfficeSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold is untyped
    """Every page of it, the sign-in included, carries the office's content security policy."""

    index_template = "office/index.html"
    login_template = "staff/login.html"
    index_title = _("Overview")

    def extra_urls(self) -> list[URLPattern]:
        """Pages that belong to no model."""
        from citizencard.bridge.pages import card_page, reader_page, state_fragment
        from citizencard.office.access_page import unusual_access_page
        from citizencard.office.admin.counter_topup import progress_fragment
        from citizencard.office.audit_pages import audit_file, audit_page
        from citizencard.office.completeness import completeness_page
        from citizencard.office.desk import cases, home, issuing
        from citizencard.office.latency import latency_page
        from citizencard.office.receipt_pages import receipt_page
        from citizencard.office.report_pages import report_file, report_page, reports_page
        from citizencard.office.sealed_page import sealed_page
        from citizencard.office.views import trial_balance_page
        from citizencard.staff.account_pages import account_page
        from citizencard.staff.pages import app_page, codes_page, enrol_page, factor_page, key_page

        return [
            self._page("trial-balance/", trial_balance_page, "trial_balance"),
            self._page("reports/", reports_page, "reports"),
            self._page("reports/<slug:code>/", report_page, "report"),
            self._page("reports/<slug:code>/<slug:form>/", report_file, "report_file"),
            self._page("completeness/", completeness_page, "completeness"),
            self._page("hot-list-latency/", latency_page, "hot_list_latency"),
            self._page("audit/", audit_page, "audit"),
            self._page("audit/<slug:form>/", audit_file, "audit_file"),
            self._page("sealed/", sealed_page, "sealed"),
            self._page("unusual-access/", unusual_access_page, "unusual_access"),
            self._page("reader/", reader_page, "bridge_reader"),
            self._page("reader/state/", state_fragment, "bridge_state"),
            self._page("reader/card/", card_page, "bridge_card"),
            self._page("account/", account_page, "staff_account"),
            self._page("account/factor/", factor_page, "staff_factor"),
            self._page("account/enrol/", enrol_page, "staff_enrol"),
            self._page("account/app/", app_page, "staff_app"),
            self._page("account/key/", key_page, "staff_key"),
            self._page("account/codes/", codes_page, "staff_codes"),
            self._page("receipt/<int:pk>/", receipt_page, "receipt"),
            self._page("topup-progress/<int:pk>/", progress_fragment, "topup_progress"),
            self._page("desk/", home.home_page, "desk"),
            self._page("desk/cases/", cases.cases_page, "desk_cases"),
            self._page("desk/hall/", home.hall_page, "desk_hall"),
            self._page("desk/text/", home.text_page, "desk_text"),
            self._page("desk/read/", home.read_page, "desk_read"),
            self._page("desk/issue/", issuing.begin_page, "desk_issue"),
            self._page("desk/issue/<uuid:pk>/", issuing.step_page, "desk_step"),
            self._page("desk/issue/<uuid:pk>/progress/", issuing.progress_fragment, "desk_progress"),
            self._page("desk/issue/<uuid:pk>/spoiled/", issuing.spoiled_page, "desk_spoiled"),
            self._page("desk/issue/<uuid:pk>/cancel/", issuing.cancel_page, "desk_cancel"),
        ]

    def _page(self, where: str, page: View, name: str) -> URLPattern:
        return path(where, self.admin_view(lambda request, **words: page(request, self, **words)), name=name)

    @cached_property
    def acts(self) -> frozenset[str]:
        """The pages that lead to an act: every step of every list and object."""
        return frozenset(
            step.action_name
            for admin in self._registry.values()
            for step in (*admin._get_base_actions_detail(), *admin._get_base_actions_list())
        )

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Wrap `view` with the permission check, the door of `citizencard.staff.gate`, and the policy; cash that it moves needs an open drawer."""
        from citizencard.staff.gate import gated

        inside = gated(_of_an_object(cash_needs_drawer()(view)), lambda: self.acts)
        guarded: View = _with_policy(super().admin_view(inside, cacheable))
        return guarded

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """The sign-in page stands outside `admin_view`."""
        page = super().login
        told = {**(extra_context or {}), "demo": not settings.STAFF_SECOND_FACTOR}
        answer: HttpResponseBase = _with_policy(lambda request: page(request, told))(request)
        return answer

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """The session's row ends with the browser's session."""
        from citizencard.staff.gate import session_here
        from citizencard.staff.models import StaffSession
        from citizencard.staff.services.sessions import end_session

        end_session(session=session_here(request), because=StaffSession.End.SIGNED_OUT)
        answer: HttpResponseBase = super().logout(request, extra_context)
        return answer

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Our own page: the service writes, and sessions elsewhere end."""
        from citizencard.staff.account_pages import password_page

        return password_page(request, self)


def _of_an_object(view: View) -> View:
    """Where an address names an object by what can be no key of its model, there is none: 404 for whoever may look."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **words: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **words)
        except (ValidationError, ValueError) as error:
            if _can_be_key(request, words.get("object_id")):
                raise
            raise Http404 from error

    return inner


def _can_be_key(request: HttpRequest, object_id: str | None) -> bool:
    name = str(request.resolver_match.url_name if request.resolver_match else "")
    if object_id is None or name.count("_") < 2:
        return True
    app, model, _step = name.split("_", 2)
    try:
        apps.get_model(app, model)._meta.pk.to_python(unquote(object_id))
    except ValidationError:
        return False
    return True


office = OfficeSite(name="admin")
