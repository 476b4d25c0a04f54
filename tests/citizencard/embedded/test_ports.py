from __future__ import annotations

import socket

import pytest

from citizencard.embedded.errors import PortInUse
from citizencard.embedded.ports import check_port_free, is_listening


def test_a_taken_port_names_the_next_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse) as refused:
            check_port_free(port)
    assert str(refused.value) == (
        f"Port {port} is in use: stop that program or choose another with PORT={port + 1}."
    )


def test_a_free_port_is_fine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    check_port_free(port)


def test_listening_is_seen_without_a_visit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        assert is_listening(listener.getsockname()[1])
        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_closed_port_is_not_listening() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert not is_listening(port)
