"""What can go wrong between agent and server."""

from __future__ import annotations


class BridgeError(Exception):
    """Anything that keeps the agent from its work; the text is for the person at the PC."""


class NotPaired(BridgeError):
    """The PC is not paired with a server, or the server does not know it any more."""


class PairingRefused(BridgeError):
    """The server does not accept the code, or does not answer."""


class InsecureServer(BridgeError):
    """The address would send commands over the network without TLS."""


class HubNotTrusted(BridgeError):
    """Whoever answered does not hold the key of the server this PC was paired with."""


class GarbledMessage(BridgeError):
    """A message breaks the protocol: not JSON, too long, a field missing or out of range."""
