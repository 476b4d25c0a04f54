"""The whole stack as its own process tree: `manage.py serve`, seen from outside."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from citizencard.core.environment import embedded_urls
from tests.citizencard.embedded.processes import marked, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]
PROJECT = Path(__file__).resolve().parents[3]
CONFIGURED = ("DATABASE_URL", "CELERY_BROKER_URL", "KEY_SERVICE_SOCKET", "DJANGO_SETTINGS_MODULE")


class Serve:
    """One `manage.py serve` on a state directory of its own."""

    def __init__(self, state_dir: Path, port: int) -> None:
        self.state_dir, self.port = state_dir, port
        self.environment = {k: v for k, v in os.environ.items() if k not in CONFIGURED}
        self.environment["CITIZENCARD_STATE"] = str(state_dir)
        self.output = state_dir.with_suffix(".out")

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, env=self.environment, cwd=PROJECT, capture_output=True, text=True, check=False
        )

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        # As a shell script starts its background jobs.
        command = ["/usr/bin/env", "--ignore-signal=INT", sys.executable, "-u", "manage.py", "serve"]
        command += ["--port", str(self.port)]
        with self.output.open("wb") as output:
            process = subprocess.Popen(
                command, env=self.environment, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            assert wait_until(lambda: self.says("runs at") or process.poll() is not None, 180)
            assert process.poll() is None, self.output.read_text()
            yield process
        finally:
            process.kill()
            process.wait()

    def says(self, words: str) -> bool:
        return words in self.output.read_text()

    def log(self, name: str) -> str:
        return (self.state_dir / "log" / f"{name}.log").read_text()

    def processes(self) -> list[int]:
        return marked(str(self.state_dir))


@pytest.fixture
def prepared(serve: Serve, cluster: Path | None) -> Serve:
    """One that finds its tables made; making them takes most of a first start."""
    if cluster is not None:
        shutil.copytree(cluster, serve.state_dir / "postgres")
    return serve


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    serve = Serve(tmp_path / "var", port)
    yield serve
    assert wait_until(lambda: not serve.processes())
    shutil.rmtree(embedded_urls(serve.state_dir).socket_dir, ignore_errors=True)


def test_it_serves_works_and_stops_without_a_trace(serve: Serve) -> None:
    with serve.running() as process:
        with urllib.request.urlopen(f"http://127.0.0.1:{serve.port}/", timeout=10) as page:
            assert page.status == 200

        second = serve.manage("serve", "--port", str(serve.port))
        assert second.returncode == 1
        assert f"already running on {serve.state_dir} (pid {process.pid})" in second.stderr
        assert "Traceback" not in second.stderr

        sent = serve.manage(
            "shell", "-c", "from citizencard.celery import app; app.send_task('settlement.clear_due_days')"
        )
        assert sent.returncode == 0, sent.stderr
        assert wait_until(lambda: "settlement.clear_due_days" in serve.log("worker"), 30), serve.log("worker")
        assert wait_until(lambda: "succeeded in" in serve.log("worker"), 30), serve.log("worker")

        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert serve.processes() == []
    assert serve.says("stopped")
    assert not (serve.state_dir / "postgres" / "postmaster.pid").exists()


def test_a_killed_stack_leaves_nothing_and_starts_again(prepared: Serve) -> None:
    with prepared.running() as process:
        assert len(prepared.processes()) > 8
        process.kill()
        assert wait_until(lambda: prepared.processes() == [], 10)
    with prepared.running() as process:
        process.terminate()
        assert process.wait(30) == 0


def test_a_killed_service_comes_back_and_is_named(prepared: Serve) -> None:
    with prepared.running():
        lock = prepared.state_dir / "postgres" / "postmaster.pid"
        os.kill(int(lock.read_text().split()[0]), signal.SIGKILL)
        assert wait_until(lambda: prepared.says("database runs again"), 30), prepared.output.read_text()
        assert prepared.says("database has stopped")
        # The owner has migrated; whoever works beside the stack is the application.
        asked = "from django.db import connection as c; print(*c.cursor().execute('SELECT session_user').fetchone())"
        checked = prepared.manage("shell", "-c", asked)
        assert checked.returncode == 0, checked.stderr
        assert checked.stdout.splitlines()[-1] == "citizencard_app"


def test_a_taken_port_is_one_sentence(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", serve.port)):
        refused = serve.manage("serve", "--port", str(serve.port))
    assert refused.returncode == 1
    assert refused.stderr.strip() == (
        f"CommandError: Port {serve.port} is in use: stop that program or choose another with PORT={serve.port + 1}."
    )


def test_a_broken_data_directory_is_one_sentence(serve: Serve) -> None:
    broken = serve.state_dir / "postgres"
    broken.mkdir(parents=True)
    (broken / "PG_VERSION").write_text("9.6\n")
    refused = serve.manage("serve", "--port", str(serve.port))
    assert refused.returncode == 1
    assert "was made by PostgreSQL 9.6" in refused.stderr
    assert "make demo FRESH=1" in refused.stderr
    assert "Traceback" not in refused.stderr
