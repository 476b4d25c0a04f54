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


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 with every check `ok`, or 503 naming the checks that are not."""
    checks: dict[str, Callable[[], bool]] = {
        "database": _database,
        "key_service": _key_service,
        "open_day": _open_day,
    }
    state = {name: "ok" if _holds(check) else "failed" for name, check in checks.items()}
    healthy = all(value == "ok" for value in state.values())
    return JsonResponse(
        {"status": "ok" if healthy else "failed", "checks": state}, status=200 if healthy else 503
    )


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (DatabaseError, CitizenCardError, OSError):
        return False


def _database() -> bool:
    connection.ensure_connection()
    return connection.is_usable()


def _open_day() -> bool:
    return BusinessDay.objects.filter(state=BusinessDay.State.OPEN).exists()


def _key_service() -> bool:
    return key_service().status().state == "open"
