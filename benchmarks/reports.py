"""Report pages of the office over a year of roll-ups, next to a bare read of one row by its primary key."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from time import perf_counter
from typing import Final

from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client

from accounts.models import User
from benchmarks.city import found_city
from benchmarks.databases import connected_to, execute_as_owner, migrated_database
from benchmarks.timing import Result, Rounds
from citizencard.office.roles import FINANCE, ensure_roles
from settlement.selectors.reports.catalogue import REPORTS
from settlement.selectors.reports.scope import Scope
from settlement.selectors.reports.trade import parts

LAST: Final = date(2026, 12, 30)
DAYS, MERCHANTS = 365, 2_000
QUICK_DAYS, QUICK_MERCHANTS = 40, 20
PAGE_MS_MAX: Final = 300
READS: Final = 200
RAW: Final = "one row by its key (raw limit)"
ONE_ROW: Final = "SELECT * FROM terminals_merchant WHERE id = (SELECT min(id) FROM terminals_merchant)"

# What clearing leaves behind for reports, without taps and transfers: a statement and two rows of roll-up for each merchant and date.
_YEAR: Final = """
INSERT INTO core_businessday (date, state, opened_at, closed_at)
SELECT day, 'closed', day, day + 1 FROM (SELECT generate_series(%(first)s::date, %(last)s::date, interval '1 day')::date AS day) AS dates
ON CONFLICT DO NOTHING;
INSERT INTO settlement_clearingrun (business_date, state, started_at, finished_at, taps, gross_fen, fee_fen, adjusted_fen, net_fen)
SELECT day, 'cleared', day + 1, day + 1, 300 * %(merchants)s, 60000 * %(merchants)s, 180 * %(merchants)s, 0, 59820 * %(merchants)s
FROM (SELECT generate_series(%(first)s::date, %(last)s::date, interval '1 day')::date AS day) AS dates;
INSERT INTO settlement_statement (run_id, merchant_id, taps, online, online_fen, gross_fen, contract_id, fee_basis_points, fee_base,
    fee_before, fee_fen, adjusted_fen, net_fen, suspended_taps, suspended_fen)
SELECT run.business_date, contract.merchant_id, 300, 0, 0, 60000, contract.id, 30, 60000, 0, 180, 0, 59820, 3, 600
FROM settlement_clearingrun AS run, settlement_contract AS contract;
INSERT INTO settlement_rolluprow (run_id, merchant_id, line_id, channel, product_id, county, taps, taps_fen, online_taps, suspended_taps,
    suspended_fen, online, online_fen, subsidy_fen, refund_fen, fee_fen, adjusted_fen)
SELECT run.business_date, merchant.id, NULL, channel, product, (350502 + merchant.id %% 10)::text, part.taps, part.taps * 200, 10,
    3 * part.taps / 300, 600 * part.taps / 300, 0, 0, 0, 0, part.fee, 0
FROM settlement_clearingrun AS run, terminals_merchant AS merchant, (VALUES ('seeded', 300, 0), (NULL, 0, 180)) AS part (product, taps, fee);
INSERT INTO settlement_rollup (run_id, rows, made_at)
SELECT business_date, 2 * %(merchants)s, now() FROM settlement_clearingrun;
INSERT INTO accounts_closing (account_id, business_date, debit_fen, credit_fen)
SELECT account.id, run.business_date, n * 60000, n * 60000
FROM (SELECT business_date, row_number() OVER (ORDER BY business_date) AS n FROM settlement_clearingrun) AS run,
    accounts_ledgeraccount AS account WHERE account.chart IN ('2202', '2203', '6001');
INSERT INTO accounts_tally (account_id, business_date, stripe, debit_fen, credit_fen, transfers)
SELECT account.id, run.business_date, 0, 60000, 60000, 300
FROM settlement_clearingrun AS run, accounts_ledgeraccount AS account WHERE account.chart IN ('2202', '2203', '6001');
"""


def run(*, rounds: int, quick: bool) -> Result:
    """Milliseconds for each page of a month in a year of 2,000 merchants, through Django's views and templates."""
    days, merchants = (QUICK_DAYS, QUICK_MERCHANTS) if quick else (DAYS, MERCHANTS)
    size = {"days": days, "merchants": merchants, "rows": 2 * days * merchants}
    result = Result("reports", f"Report pages over {days} days of {merchants:,} merchants", size)
    figures = Rounds()
    with migrated_database() as name, connected_to(name):
        _found(days, merchants)
        client = _signed_in()
        pages = {code: _address(code) for code in REPORTS}
        for _ in range(rounds):
            _round(figures, client, pages)
        month = Scope.month(LAST)
        total = sum(part.taps for part in parts(month, "day"))
        result.check("every way of telling a month apart comes to the same taps", all(
            sum(part.taps for part in parts(month, by)) == total == 300 * merchants * min(days, 30)
            for by in ("merchant", "line", "channel", "product", "county")))  # fmt: skip
        result.check("every page is there", all(client.get(url).status_code == 200 for url in pages.values()))
    result.figures = figures.figures()
    slowest = max(pages, key=lambda code: result.figures[code].median)
    for code in ("month", "merchants", slowest):
        result.ratio(f"{code} / read", code, RAW)
    result.notes.append(f"the slowest page is {slowest}; what pages aim at is {PAGE_MS_MAX} ms over a year")
    return result


def _found(days: int, merchants: int) -> None:
    """Past the guards, as its owner: nothing but clearing could make these rows otherwise, and that takes hours."""
    found_city(LAST + timedelta(days=1), merchants=merchants, cards=1)
    values = {"first": LAST - timedelta(days=days - 1), "last": LAST, "merchants": merchants}
    literal = {key: f"'{value}'" if isinstance(value, date) else value for key, value in values.items()}
    execute_as_owner(
        "SET session_replication_role = replica", _YEAR % literal, "SET session_replication_role = origin"
    )
    execute_as_owner("VACUUM (ANALYZE)")
    ensure_roles()


def _signed_in() -> Client:
    user = User.objects.create(username="bench", is_staff=True)
    user.groups.add(Group.objects.get(name=FINANCE))
    client = Client()
    client.force_login(user)
    return client


def _address(code: str) -> str:
    period = f"day={LAST}" if code in ("day", "statement") else f"month={LAST:%Y-%m}"
    party = "&merchant=M00001" if code in ("merchant", "statement") else ""
    return f"/office/reports/{code}/?{period}{party}"


def _round(figures: Rounds, client: Client, pages: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        began = perf_counter()
        for _ in range(READS):
            cursor.execute(ONE_ROW)
            cursor.fetchall()
        figures.add(RAW, (perf_counter() - began) / READS, "s")
    for code, url in pages.items():
        client.get(url)  # a page that nobody has asked for yet is cold
        figures.timed(code, partial(client.get, url))
