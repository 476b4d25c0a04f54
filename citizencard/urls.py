"""Where everything is: the portal at the root, the office, the API."""

from __future__ import annotations

from django.urls import include, path, re_path

from citizencard.health import healthz
from citizencard.office.site import office
from terminals.api.answers import no_such_address

urlpatterns = [
    path("office/", office.urls),
    path("api/v1/", include("accounts.api.urls")),
    path("api/v1/", include("terminals.api.urls")),
    path("api/v1/", include("settlement.api.urls")),
    path("api/v1/bridge/", include("citizencard.bridge.urls")),
    re_path(r"^api/v1/", no_such_address),
    path("healthz", healthz, name="healthz"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("citizencard.portal.urls")),
]

handler500 = "citizencard.failures.server_error"
