"""RFC 9457 problem details: the one shape of every error the REST API answers."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils.encoding import force_str
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from citizencard.core.errors import CitizenCardError, NotFound

MEDIA_TYPE = "application/problem+json"


def problem(status: int, code: str, detail: str, **extra: Any) -> dict[str, Any]:
    """A problem-details object: `type` and `code` are stable, `detail` is for people, `extra` names field and rule."""
    return {
        "type": f"urn:citizencard:problem:{code}",
        "code": code,
        "status": status,
        "detail": detail,
        **extra,
    }


def problem_of(error: CitizenCardError) -> dict[str, Any]:
    """The problem details of one of our own errors."""
    extra = {name: force_str(value) for name, value in error.data.items()}
    if error.rule:
        extra["rule"] = error.rule
    return problem(error.status, error.code, str(error), **extra)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: our errors, DRF's own and 404 become problem details; anything else stays a bug."""
    headers: dict[str, str] = {}
    if isinstance(error, Http404):
        error = NotFound(what="resource")
    if isinstance(error, CitizenCardError):
        body = problem_of(error)
    elif isinstance(error, exceptions.APIException):
        codes = error.get_codes()
        code = codes if isinstance(codes, str) else "invalid_request"
        detail = error.detail if isinstance(error.detail, str) else force_str(error.default_detail)
        fields = {} if isinstance(error.detail, str) else {"errors": error.detail}
        body = problem(error.status_code, code, detail, **fields)
        if auth_header := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = auth_header
    else:
        return None
    set_rollback()
    response = Response(body, status=body["status"], headers=headers)
    response.content_type = MEDIA_TYPE
    return response
