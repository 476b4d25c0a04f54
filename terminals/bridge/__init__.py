"""The card bridge's agent: a program on the clerk's or kiosk's PC that lets the server use this PC's card reader.

It connects out to the server's hub over a WebSocket and listens nowhere, so no web page can reach the reader. Server and
agent know each other's Ed25519 keys from the pairing and prove them on every connection, in both directions.
"""
