"""The office's page of keys and suites that people's data are sealed with: how far a rotation is."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from citizencard.office.tables import Table, columns
from citizencard.privacy.selectors.sealed import SUITE_NAMES, standing, waiting


@permission_required("core.view_auditentry", raise_exception=True)
def sealed_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Every column with its keys; what is not under the present one waits for `manage.py rotate_personal_data`."""
    rows = standing()
    table = Table(
        _("Keys of personal data"),
        [_("data"), _("suite"), _("key version"), _("values"), _("present key")],
        [
            [
                row.column,
                SUITE_NAMES.get(row.suite, "?"),
                row.version,
                f"{row.values:,}",
                "✓" if row.is_present else "–",
            ]
            for row in rows
        ],
        columns(2, 3),
        note=_("%(count)s values wait to be sealed anew.") % {"count": f"{waiting(rows):,}"},
    )
    context = {**site.each_context(request), "title": table.title, "tables": [table]}
    return TemplateResponse(request, "office/plain_tables.html", context)
