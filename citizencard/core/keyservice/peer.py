"""Who is at the other end of a connection: what the kernel says, and the role it has taken."""

from __future__ import annotations

import os
import socket
import struct
import sys
from dataclasses import dataclass

from citizencard.core.keyservice.roles import Role


@dataclass
class Peer:
    """User and process id (0 where the system does not tell), and the role, which is `WEB` until the peer says another."""

    uid: int
    pid: int
    role: Role = Role.WEB


def peer_of(connection: socket.socket) -> Peer:
    """The peer of a unix socket. Elsewhere than on Linux the socket's mode alone says who may connect: its owner."""
    if sys.platform != "linux":
        return Peer(os.geteuid(), 0)
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", credentials)
    return Peer(uid, pid)
