"""Where everything is: the portal at the root, the office, the API."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("office/", admin.site.urls),
    path("api/v1/", include("terminals.api.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("citizencard.portal.urls")),
]
