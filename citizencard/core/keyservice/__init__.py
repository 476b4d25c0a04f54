"""The key service: one small process holds every key, all others ask it over a unix socket.

Server side (no Django): `keystore`, `purse`, `issuing`, `privacy`, `signing` behind `backend`; `handlers`, `server`.
Both sides: `protocol`. Django side: `client`.
"""
