"""What nobody caught: a database that is away is told as such, and a program is told anything in its own form."""

from __future__ import annotations

import sys
from typing import Final

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from citizencard.core.errors import DatabaseUnavailable
from citizencard.core.problems import problem, problem_of
from terminals.api.answers import json_response

RETRY_SECONDS: Final = "5"
"""A database that was killed is back within a second; one that moves to its standby takes a few."""


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`: 503 and when to come again where the database is away, else 500; a page, or a problem under /api.

    Says its length: it may be answered in front of whatever would count it.
    """
    away = isinstance(sys.exc_info()[1], (OperationalError, InterfaceError))
    if request.path_info.startswith("/api/"):
        told = problem_of(DatabaseUnavailable()) if away else problem(500, "error", "Server error.")
        answer = json_response(told, status=told["status"])
    else:
        answer = HttpResponse(render_to_string("500.html"), status=503 if away else 500)
        answer.headers["Content-Length"] = str(len(answer.content))
    if away:
        answer.headers["Retry-After"] = RETRY_SECONDS
    return answer
