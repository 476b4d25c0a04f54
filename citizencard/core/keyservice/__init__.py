"""The key service: one small process holds every key, all others ask it over a unix socket.

Server side (no Django): masters lie in a `vault` (`vault_software`, `vault_pkcs11`), which `backend` opens for `purse`,
`issuing`, `maintenance`, `privacy`, `signing` and `certificates`, each asking the policy through `access`. Requests come
through `server` and `gate` (`roles`, `quota`, `audit`) to `handlers`. `custody` keeps the `register` of keys with their
`lifecycle`; custodians act through `ceremonies` (`quorum`, `components`, `foureyes`) with the `console`.
Both sides: `protocol`. Django side: `client`.
"""
