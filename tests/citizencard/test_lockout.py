"""Guessing in parallel gains nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from citizencard.lockout import ATTEMPTS_MAX, SignInLocked, count_attempt, forget_attempts
from citizencard.models import SignInAttempts


def attempt(_number: int) -> bool:
    try:
        count_attempt("user:1")
    except SignInLocked:
        return False
    finally:
        connection.close()
    return True


@pytest.mark.django_db(transaction=True)
def test_of_many_parallel_attempts_five_are_looked_at() -> None:
    with ThreadPoolExecutor(8) as threads:
        allowed = sum(threads.map(attempt, range(24)))
    assert allowed == ATTEMPTS_MAX


def test_the_table_names_nobody(db: None) -> None:
    count_attempt("number:350501199901010010")
    (row,) = SignInAttempts.objects.all()
    assert "350501199901010010" not in row.subject
    assert len(row.subject) == 64


def test_forgetting_one_subject_leaves_others(db: None) -> None:
    count_attempt("user:1")
    count_attempt("user:2")
    forget_attempts("user:1")
    assert SignInAttempts.objects.count() == 1
