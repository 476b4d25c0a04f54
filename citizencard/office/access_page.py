"""The supervisor's page of unusual looks at personal data."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from citizencard.office.admin.base import day_asked
from citizencard.office.tables import Table, columns
from citizencard.office.tiles import list_url
from citizencard.privacy.selectors.diary import DAILY_MAX, OFFICE_HOURS, unusual_access

SPAN: Final = timedelta(days=30)


@permission_required("accounts.view_dataaccess", raise_exception=True)
def unusual_access_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Thirty days up to `?day=`, else up to today."""
    until = day_asked(request) or timezone.localdate()
    rows = unusual_access(since=until - SPAN, until=until)
    table = Table(
        _("Unusual access to personal data"),
        [_("date"), _("actor"), _("people"), _("looks"), _("at night")],
        [
            [
                row["day"],
                format_html(
                    '<a href="{}?q={}">{}</a>', list_url("accounts_dataaccess"), row["actor"], row["actor"]
                ),
                row["people"],
                row["looks"],
                row["at_night"],
            ]
            for row in rows
        ],
        columns(2, 3, 4),
        note=_(
            "More than %(people)s people's data in clear on a date, or any before %(begin)s or after %(end)s o'clock."
        )
        % {"people": DAILY_MAX, "begin": OFFICE_HOURS[0], "end": OFFICE_HOURS[1]},
    )
    context = {**site.each_context(request), "title": table.title, "day": until, "tables": [table]}
    return TemplateResponse(request, "office/unusual_access.html", context)
