"""The office: one admin site for all staff, Chinese first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

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
    index_title = _("Overview")

    def extra_urls(self) -> list[URLPattern]:
        """Pages that belong to no model."""
        from citizencard.bridge.pages import card_page, reader_page, state_fragment
        from citizencard.office.access_page import unusual_access_page
        from citizencard.office.audit_pages import audit_file, audit_page
        from citizencard.office.completeness import completeness_page
        from citizencard.office.latency import latency_page
        from citizencard.office.report_pages import report_file, report_page, reports_page
        from citizencard.office.sealed_page import sealed_page
        from citizencard.office.views import trial_balance_page

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
        ]

    def _page(self, where: str, page: View, name: str) -> URLPattern:
        return path(where, self.admin_view(lambda request, **words: page(request, self, **words)), name=name)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Wrap `view` with the permission check and the policy."""
        guarded: View = _with_policy(super().admin_view(view, cacheable))
        return guarded

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """The sign-in page stands outside `admin_view`."""
        page = super().login
        answer: HttpResponseBase = _with_policy(lambda request: page(request, extra_context))(request)
        return answer


office = OfficeSite(name="admin")
