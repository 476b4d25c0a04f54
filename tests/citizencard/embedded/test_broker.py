from __future__ import annotations

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from citizencard.embedded.broker import TASK_SECONDS_MAX, VISIBILITY_SECONDS, transport_options

DATABASE = {"NAME": "city", "USER": "card", "PASSWORD": "it's", "HOST": "", "PORT": ""}


def test_pgmq_goes_to_djangos_own_database() -> None:
    options = transport_options(
        "pgmq://", DATABASE | {"OPTIONS": {"host": "/run/pg", "port": 5433, "pool": {}}}
    )
    assert psycopg.conninfo.conninfo_to_dict(options["conn_string"]) == {
        "dbname": "city",
        "user": "card",
        "password": "it's",
        "host": "/run/pg",
        "port": "5433",
    }
    assert options["init_extension"] is False


def test_pgmq_on_another_server_keeps_its_own_address() -> None:
    assert "conn_string" not in transport_options("pgmq://card:x@queue.city/mq", DATABASE)


def test_rabbitmq_confirms_what_it_has_taken() -> None:
    assert transport_options("amqp://mq", DATABASE)["confirm_publish"] is True


def test_redis_gives_a_killed_workers_task_back_soon() -> None:
    assert transport_options("redis://cache", DATABASE)["unacked_restore_interval"] <= 5


def test_a_task_is_over_before_its_message_is_given_out_again() -> None:
    assert TASK_SECONDS_MAX < VISIBILITY_SECONDS <= 30 * 60
    assert settings.CELERY_TASK_SOFT_TIME_LIMIT < settings.CELERY_TASK_TIME_LIMIT < VISIBILITY_SECONDS


def test_the_settings_that_keep_tasks_safe() -> None:
    assert settings.CELERY_TASK_ACKS_LATE is True
    assert settings.CELERY_TASK_REJECT_ON_WORKER_LOST is True
    assert settings.CELERY_WORKER_PREFETCH_MULTIPLIER == 1
    assert settings.CELERY_TASK_IGNORE_RESULT is True
    assert settings.CELERY_WORKER_MAX_TASKS_PER_CHILD > 0
    assert settings.CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT > 0
    assert settings.CELERY_WORKER_ENABLE_REMOTE_CONTROL is False


@pytest.mark.django_db
def test_the_queue_is_installed_by_migration() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pgmq.create('letters')")
        cursor.execute("SELECT pgmq.send('letters', '{\"id\": 7}')")
        cursor.execute("SELECT message->>'id' FROM pgmq.read('letters', 30, 1)")
        assert cursor.fetchone() == ("7",)
