"""Finding one person among a million by whatever a clerk types, next to a bare read of one row by its primary key."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import Final

from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.utils import timezone
from stdnum.cn import ric

from accounts.models import Citizen, User
from accounts.selectors.people import find_people
from accounts.services.citizens import register_citizen
from benchmarks.city import found_city
from benchmarks.databases import connected_to, execute_as_owner, migrated_database
from benchmarks.timing import Result, Rounds
from citizencard.core.calendar import shanghai
from citizencard.office.roles import CLERK, ensure_roles

PEOPLE, QUICK_PEOPLE = 1_000_000, 2_000
SEARCHES: Final = 50
PAGE_MS_MAX: Final = 100
RAW: Final = "one row by its key (raw limit)"
ONE_ROW: Final = "SELECT * FROM accounts_citizen WHERE id = %s"
# Rows as registration leaves them, with digests for indexes: nothing but the key service could make right ones, and it is asked for each.
_PEOPLE: Final = """
INSERT INTO accounts_citizen (id, level, document_mask, name_sealed, name_index, name_mask, birth_source, phone_index, phone_mask, registered_at)
SELECT gen_random_uuid(), 2, '350***********' || n %% 10000, sha256(n::text::bytea), sha256(('name' || n / 20)::bytea), '*明',
    '', sha256(('phone' || n)::bytea), '138****' || n %% 10000, now() - n * interval '1 second' FROM generate_series(1, %(people)s) AS n;
INSERT INTO accounts_identitydocument (id, citizen_id, kind, number_sealed, number_index, mask, nationality, main, source, as_of)
SELECT id, id, 'resident_id', name_sealed, sha256(id::text::bytea), document_mask, '', true, 'counter', '2026-01-01' FROM accounts_citizen;
"""


def run(*, rounds: int, quick: bool) -> Result:
    """Milliseconds for a search through the selector, and for the office's page with what it found."""
    people = QUICK_PEOPLE if quick else PEOPLE
    result = Result("people", f"Finding one of {people:,} people", {"people": people, "searches": SEARCHES})
    figures = Rounds()
    with migrated_database() as name, connected_to(name):
        found_city(shanghai(timezone.now()).date(), merchants=1, cards=1)
        with connection.cursor() as cursor:
            cursor.execute(_PEOPLE, {"people": people})
        number = "35050219880316012"
        number += ric.calc_check_digit(number + "0")
        wanted = register_citizen(
            name="阿依古丽·买买提",
            document_kind="resident_id",
            document_number=number,
            phone="13859700077",
            actor="seed",
        )
        execute_as_owner("VACUUM (ANALYZE)")
        asked = {"document": number, "phone": "138 5970 0077", "name": "阿依古丽·买买提"}
        client = _signed_in()
        for _ in range(rounds):
            for what, text in asked.items():
                figures.add(f"search by {what}", _each_ms(partial(find_people, text)), "ms")
            page = partial(client.get, "/office/accounts/citizen/", {"q": number})
            figures.add("the office's page", _each_ms(page), "ms")
            figures.add(RAW, _each_ms(partial(_read, wanted)), "ms")
        result.check(
            "everybody is found by everything", all(find_people(text) == [wanted] for text in asked.values())
        )
        result.check("a stranger is not found", find_people("E00000000") == [])
        answer = client.get("/office/accounts/citizen/", {"q": number}).content.decode()
        result.check("the page shows the one", str(wanted.pk) in answer)
    result.figures = figures.figures()
    for what in (*(f"search by {each}" for each in asked), "the office's page"):
        result.ratio(f"{what} / read", what, RAW)
    result.notes.append(f"what a search aims at is {PAGE_MS_MAX} ms among a million")
    return result


def _each_ms(work: partial[object]) -> float:
    began = perf_counter()
    for _ in range(SEARCHES):
        work()
    return (perf_counter() - began) * 1000 / SEARCHES


def _read(citizen: Citizen) -> None:
    with connection.cursor() as cursor:
        cursor.execute(ONE_ROW, [citizen.pk])
        cursor.fetchall()


def _signed_in() -> Client:
    ensure_roles()
    clerk = User.objects.create(username="clerk", is_staff=True)
    clerk.groups.set(Group.objects.filter(name=CLERK))
    client = Client(headers={"accept-language": "zh-hans"})
    client.force_login(clerk)
    return client
