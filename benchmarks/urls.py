"""All addresses of the project, and the least a Django view can do that commits."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def bare_insert(request: HttpRequest) -> HttpResponse:
    """One INSERT, one commit."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bare (body) VALUES (%s)", [request.body])
    return HttpResponse(b"{}", content_type="application/json")


def bare_bytes(request: HttpRequest, size: int) -> HttpResponse:
    """So many bytes, and no question asked."""
    return HttpResponse(bytes(size), content_type="application/octet-stream")


urlpatterns = [
    path("bare", bare_insert),
    path("bare-bytes/<int:size>", bare_bytes),
    path("", include("citizencard.urls")),
]
