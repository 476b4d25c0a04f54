"""`manage.py sandbox`: the payment gateway's stand-in, for demo and development."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from citizencard.sandbox.gateway import sandbox_gateway

WEBHOOK = os.environ.get("PORTAL_URL", "http://127.0.0.1:8000") + "/api/v1/gateway/webhook"


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """A slow client must not keep the others waiting."""

    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    """Requests are not worth a line each."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Command(BaseCommand):
    help = (
        "Run the sandbox payment gateway: payments, refunds and debit mandates through the real gateway's API, signed "
        "call-backs, and pages to pay at /pay/<payment> and to agree at /mandate/<setup>. No money moves. Stop with Ctrl-C."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where it listens and whom it calls back."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
        parser.add_argument("--port", type=int, default=8001, help="port to listen on (default %(default)s)")
        parser.add_argument("--webhook", default=WEBHOOK, help="address called back (default %(default)s)")
        parser.add_argument(
            "--state", default=":memory:", help="file in which payments outlive this process (default: none)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until interrupted; a port in use is one clear sentence."""
        if settings.PRODUCTION:
            raise CommandError("The sandbox gateway does not run in production.")
        app = sandbox_gateway(
            api_key=settings.GATEWAY_API_KEY,
            webhook_url=options["webhook"],
            webhook_secret=settings.GATEWAY_WEBHOOK_SECRET,
            state=options["state"],
        )
        host, port = options["host"], options["port"]
        try:
            server = make_server(host, port, app, server_class=ThreadingServer, handler_class=QuietHandler)
        except OSError as error:
            raise CommandError(
                f"Port {port} is in use: stop that program or choose another --port."
            ) from error
        self.stdout.write(
            f"Sandbox gateway at http://{host}:{server.server_port}, calling back {options['webhook']}"
        )
        self.stdout.flush()
        with server:
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                self.stdout.write("Stopped.")
