from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from citizencard.embedded import postgres_data
from citizencard.embedded.errors import EmbeddedPostgresError
from citizencard.embedded.postgres import EmbeddedPostgres
from citizencard.embedded.postgres_socket import private_folder, socket_folder
from tests.citizencard.embedded.processes import alive, wait_until

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    yield server
    server.stop()


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_a_fresh_directory_becomes_a_working_database(server: EmbeddedPostgres) -> None:
    url = server.start()
    assert ask(url, "SELECT current_database()") == "citizencard"
    assert ask(url, "SHOW server_encoding") == "UTF8"
    assert ask(url, "SHOW TimeZone") == "Asia/Shanghai"
    assert ask(url, "SHOW listen_addresses") == ""
    assert ask(url, "SHOW data_checksums") == "on"


def test_nothing_lets_committed_data_go_unless_a_test_says_so(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert ask(server.url, f"SHOW {setting}") == "on"


def test_statements_and_parameters_stay_out_of_the_log(server: EmbeddedPostgres) -> None:
    url = server.start()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE person (name text UNIQUE)")
        for _ in range(2):
            try:
                connection.execute("INSERT INTO person VALUES (%s)", ["王小明-secret"])
            except psycopg.errors.UniqueViolation:
                break
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT 'plainly-secret' FROM nowhere")
    log = server.log_path.read_text()
    assert "duplicate key" in log
    assert "secret" not in log


def test_a_second_start_goes_on_with_the_same_data_quickly(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.start()) as connection:
        connection.execute("CREATE TABLE kept (amount_fen bigint)")
        connection.execute("INSERT INTO kept VALUES (250)")
    server.stop()
    began = time.monotonic()
    url = server.start()
    assert time.monotonic() - began < 5
    assert ask(url, "SELECT amount_fen FROM kept") == 250


def test_stopping_leaves_no_process_and_no_socket(server: EmbeddedPostgres) -> None:
    server.start()
    pid = server.pid
    assert pid is not None
    server.stop()
    assert not alive(pid)
    assert not socket_folder(server.data_dir).exists()
    assert server.pid is None
    server.stop()


def test_a_lock_file_naming_another_program_is_stale(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    lock = server.data_dir / "postmaster.pid"
    # Process ids are reused: this one is alive, but it is no database.
    lock.write_text(f"{os.getpid()}\n{server.data_dir}\n1\n5432\n/nowhere\n\n0 0\nready\n")
    assert ask(server.start(), "SELECT 1") == 1


@pytest.mark.parametrize("content", ["", "garbage\n", "0\n"])
def test_a_damaged_lock_file_is_stale(server: EmbeddedPostgres, content: str) -> None:
    server.start()
    server.stop()
    (server.data_dir / "postmaster.pid").write_text(content)
    assert ask(server.start(), "SELECT 1") == 1


def test_a_second_server_on_the_same_data_is_refused(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    monkeypatch.setattr(postgres_data, "GOING_DOWN_SECONDS_MAX", 0.2)
    second = EmbeddedPostgres(server.data_dir, durable=False)
    with pytest.raises(EmbeddedPostgresError, match=rf"pid {server.pid}\b.*stop the program"):
        second.start()
    assert ask(server.url, "SELECT 1") == 1


def test_a_folder_that_is_no_database_says_how_to_start_over(server: EmbeddedPostgres) -> None:
    server.data_dir.mkdir()
    (server.data_dir / "holiday.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(EmbeddedPostgresError, match=r"no usable PostgreSQL.*FRESH=1"):
        server.start()
    assert (server.data_dir / "holiday.jpg").exists()


def test_data_of_another_version_says_so(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.data_dir / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedPostgresError, match=r"made by PostgreSQL 12, this is 17.*FRESH=1"):
        server.start()


def test_data_the_server_refuses_names_reason_and_log(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.data_dir / "global" / "pg_control").write_bytes(b"")
    with pytest.raises(EmbeddedPostgresError) as refused:
        server.start()
    message = str(refused.value)
    assert "pg_control" in message
    assert str(server.log_path) in message
    assert "FRESH=1" in message
    assert server.pid is None


def test_an_interrupted_first_start_leaves_nothing_in_the_way(server: EmbeddedPostgres) -> None:
    draft = server.data_dir.with_name("postgres.new")
    draft.mkdir()
    (draft / "PG_VERSION").write_text("17\n")
    assert ask(server.start(), "SELECT 1") == 1
    assert not draft.exists()


def test_a_killed_server_recovers_what_was_committed(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    try:
        with psycopg.connect(server.start(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS amount_fen")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert wait_until(lambda: server.pid is None)
        assert ask(server.start(), "SELECT amount_fen FROM kept") == 7
    finally:
        server.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_killed_owner_takes_the_server_along(server: EmbeddedPostgres) -> None:
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path;"
            "from citizencard.embedded.postgres import EmbeddedPostgres;"
            "server = EmbeddedPostgres(Path(sys.argv[1]), durable=False); server.start();"
            "print(server.pid, flush=True); time.sleep(600)",
            str(server.data_dir),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )
    with owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.kill()
    assert wait_until(lambda: not alive(pid))
    assert ask(server.start(), "SELECT 1") == 1


def test_missing_time_zones_are_named(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="install tzdata"):
        postgres_data.check_timezones(tmp_path)


def test_a_socket_folder_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "sockets"
    folder.mkdir(mode=0o777)
    private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_in_place_of_the_socket_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "sockets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EmbeddedPostgresError, match="belongs to somebody else"):
        private_folder(tmp_path / "sockets")


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="TMPDIR"):
        private_folder(tmp_path / ("long" * 30))
