"""What a service refuses becomes a page that says so in the citizen's language, never a bare 500."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from citizencard.core.errors import CitizenCardError


class ProblemPages:
    """Middleware for server-rendered pages; the REST API answers its own problem details before this is asked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page for one of our own errors; anything else stays a bug."""
        if not isinstance(error, CitizenCardError):
            return None
        return render(request, "portal/problem.html", {"message": str(error)}, status=error.status)
