"""`/healthz`: whether the system can take a tap now. For supervisors and load balancers; tells nothing else."""

from __future__ import annotations

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from citizencard.core.errors import CitizenCardError
from citizencard.core.keyservice.client import key_service
from citizencard.core.models import BusinessDay

OK, FAILED = "ok", "failed"


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 with every check `ok`, or 503 naming the checks that are not."""
    checks: dict[str, Callable[[], str]] = {
        "database": _database,
        "key_service": _key_service,
        "open_day": _open_day,
    }
    state = {name: _answer_of(check) for name, check in checks.items()}
    healthy = all(value == OK for value in state.values())
    return JsonResponse(
        {"status": "ok" if healthy else "failed", "checks": state}, status=200 if healthy else 503
    )


def _answer_of(check: Callable[[], str]) -> str:
    try:
        return check()
    except (DatabaseError, CitizenCardError, OSError):
        return FAILED


def _database() -> str:
    connection.ensure_connection()
    return OK if connection.is_usable() else FAILED


def _open_day() -> str:
    return OK if BusinessDay.objects.filter(state=BusinessDay.State.OPEN).exists() else FAILED


def _key_service() -> str:
    """A key service that waits for its custodians is "sealed", which no restart mends."""
    state = key_service().status().state
    return OK if state == "open" else state
