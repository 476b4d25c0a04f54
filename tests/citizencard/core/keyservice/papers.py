"""Something to sign for each purpose, in the form that the key service asks of it."""

from __future__ import annotations

from citizencard.core.keyservice.signing import SignPurpose

DOCUMENT, RIDE_CODE = b"citizencard document 1\n", b"citizencard ride code 1\n" + bytes(40)
PAPERS = dict.fromkeys(SignPurpose, b"list of today") | {
    SignPurpose.DOCUMENT: DOCUMENT + b'{"kind":"hot_list"}',
    SignPurpose.KEY_CHANGE: DOCUMENT + b'{"kind":"next_key"}',
    SignPurpose.RIDE_CODE: RIDE_CODE,
    SignPurpose.TREE_HEAD: b"citizencard tree head 1\n{}",
    SignPurpose.AUDIT_HEAD: b"citizencard audit head 1\n{}",
}
