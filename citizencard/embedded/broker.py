"""How Celery's messages travel safely over each kind of broker.

The queue carries ids, the database carries truth: a message delivered twice does no harm, one lost is sent again by the
sweeper. The options below keep both rare.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.conninfo import make_conninfo

VISIBILITY_SECONDS = 30 * 60
"""After this a task not yet acknowledged is given to another worker: longer than the longest task and countdown."""

TASK_SECONDS_MAX = 25 * 60
"""Hard limit of one task: below ``VISIBILITY_SECONDS`` and RabbitMQ's ``consumer_timeout`` (30 min by default)."""


def transport_options(broker_url: str, database: Mapping[str, Any]) -> dict[str, Any]:
    """Return Celery's ``broker_transport_options`` for ``broker_url``; ``database`` is Django's default entry."""
    scheme = broker_url.partition(":")[0]
    if scheme == "pgmq":
        return _pgmq_options(broker_url, database)
    if scheme in ("redis", "rediss", "sentinel"):
        # Without the restore options a killed worker's task waits about 100 s.
        restore = {"unacked_restore_interval": 2, "unacked_restore_throttle": 1}
        return {"visibility_timeout": VISIBILITY_SECONDS, **restore}
    if scheme in ("amqp", "amqps", "pyamqp"):
        return {"confirm_publish": True}
    return {}


def _pgmq_options(broker_url: str, database: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {
        # The schema comes by migration, not as an extension of the server.
        "init_extension": False,
        "visibility_timeout": VISIBILITY_SECONDS,
        # With kombu's own values a task waits for a second, a row of tasks for minutes.
        "wait_time_seconds": 1,
        "poll_interval_ms": 20,
        "polling_interval": 0.01,
        "pool_size": 4,
    }
    if broker_url.rstrip("/") == "pgmq:":
        options["conn_string"] = _conninfo(database)
    return options


def _conninfo(database: Mapping[str, Any]) -> str:
    """Return the libpq connection string of Django's own database."""
    fields = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password", "NAME": "dbname"}
    own = {libpq: str(database[name]) for name, libpq in fields.items() if database.get(name)}
    extra = database.get("OPTIONS", {})
    libpq_only = {
        name: str(extra[name]) for name in ("host", "port", "sslmode", "sslrootcert") if name in extra
    }
    return make_conninfo("", **own, **libpq_only)
