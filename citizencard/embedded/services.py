"""The services of the stack: their commands, and how to know that each is ready."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from citizencard.embedded.ports import is_listening
from citizencard.embedded.process import ProcessService

PROJECT = Path(__file__).resolve().parents[2]
WEB_PROCESSES = 2
WEB_THREADS = 8
WORKER_PROCESSES = 2
PROBE_SECONDS_MAX = 2.0
ACCESS_FORMAT = '%(h)s %(t)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'
"""Paths without their queries, and nobody's referrer: staff look for people by document number."""


def key_service(state_dir: Path, socket_path: Path) -> ProcessService:
    """The only holder of key bytes. It is given the demonstration keys, which it refuses in production."""
    words = ["-m", "citizencard.core.keyservice", "--socket", str(socket_path)]
    words += ["--state", str(state_dir / "keys")]
    if os.environ.get("CITIZENCARD_ENV", "demo") != "production":
        words += ["--demo-keys", str(PROJECT / "fixtures" / "demo_keys.json")]
    return _python("keys", state_dir, words, ready=lambda log: _accepts(socket_path))


def web(state_dir: Path, host: str, port: int) -> ProcessService:
    """The web server: gunicorn with threads, since requests wait for the database and the key service."""
    words = ["-m", "gunicorn", "citizencard.wsgi", "--bind", f"{host}:{port}", "--no-control-socket"]
    words += ["--worker-class", "gthread", "--workers", str(WEB_PROCESSES), "--threads", str(WEB_THREADS)]
    words += [
        "--access-logfile",
        "-",
        "--access-logformat",
        ACCESS_FORMAT,
        "--graceful-timeout",
        "10",
        "--max-requests",
        "50000",
    ]
    return _python("web", state_dir, words, ready=lambda log: _answers_http(host, port))


def worker(state_dir: Path) -> ProcessService:
    """The Celery worker. Readiness is read from its log: over pgmq there is no remote control to ask."""
    words = ["-m", "celery", "-A", "citizencard", "worker", "--concurrency", str(WORKER_PROCESSES)]
    words += ["--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    service = _python("worker", state_dir, words, ready=lambda log: " ready." in log)
    # Celery's soft shutdown: running tasks get a few seconds, then go back to the queue. SIGTERM would wait for them.
    service.stop_signal = signal.SIGQUIT
    service.environment = {**service.environment, "KEY_SERVICE_ROLE": "worker"}
    return service


def beat(state_dir: Path) -> ProcessService:
    """Celery beat, exactly one: two would send every nightly task twice."""
    words = ["-m", "celery", "-A", "citizencard", "beat", "--loglevel", "INFO", "--pidfile", ""]
    words += ["--schedule", str(state_dir / "beat-schedule")]
    return _python("beat", state_dir, words, ready=lambda log: "beat: Starting" in log)


def bridge(state_dir: Path, host: str, port: int, socket_path: Path) -> ProcessService:
    """The card bridge's hub, exactly one: it knows which workstation is in use."""
    words = [str(PROJECT / "manage.py"), "bridge", "--host", host, "--port", str(port)]
    return _python("bridge", state_dir, words, ready=lambda log: _accepts(socket_path))


def sandbox(state_dir: Path, port: int) -> ProcessService:
    """The payment gateway's sandbox, a stand-in for the bank's; what it knows outlives it, as the bank's would."""
    state = state_dir / "sandbox.sqlite3"
    words = [str(PROJECT / "manage.py"), "sandbox", "--port", str(port), "--state", str(state)]
    return _python("sandbox", state_dir, words, ready=lambda log: is_listening(port))


def _python(name: str, state_dir: Path, words: list[str], ready: Callable[[str], bool]) -> ProcessService:
    environment = {"CITIZENCARD_STATE": str(state_dir), "PYTHONUNBUFFERED": "1"}
    log_path = state_dir / "log" / f"{name}.log"
    return ProcessService(name, [sys.executable, *words], log_path, ready, environment, PROJECT)


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def _answers_http(host: str, port: int) -> bool:
    """Tell whether the portal's first page comes without a server error."""
    connection = http.client.HTTPConnection(host, port, timeout=PROBE_SECONDS_MAX)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
