"""Digests as text: what is signed, by whom, and whose signature counts for which day."""

import base64
import json
from datetime import UTC, date, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from trunks import seals

KEY = ed25519.Ed25519PrivateKey.generate()
PUBLIC = seals.public_bytes(KEY)
DAY = date(2026, 11, 25)


def statement(key: str = seals.key_id(PUBLIC), last: int = 12) -> seals.Statement:
    moment = datetime(2026, 11, 25, 8, 0, 0, 123456, tzinfo=UTC)
    return seals.Statement(DAY, 3, last, "a" * 64, "b" * 64, moment, None, key)


def judged(*keys: seals.TrustedKey, said: seals.Statement | None = None) -> str:
    text = (said or statement()).text()
    return seals.judge(text, seals.sign(KEY, text), keys)


def test_a_statement_says_what_a_day_has_and_is_read_again() -> None:
    said = json.loads(statement().text())
    assert (said["day"], said["count"], said["first"], said["last"]) == ("2026-11-25", 10, 3, 12)
    assert seals.read(statement().text()) == statement()
    assert statement(last=2).count == 0


def test_the_envelope_holds_the_very_text_that_was_signed() -> None:
    kept = json.loads(seals.envelope(statement().text(), "signature"))
    assert kept == {"statement": statement().text(), "signature": "signature"}


@pytest.mark.parametrize("text", ["", "{}", "[]", "no", '{"version":"portal-audit-digest-2"}'])
def test_what_is_no_statement_is_not_believed(text: str) -> None:
    with pytest.raises(seals.Forged, match="cannot be read"):
        seals.judge(text, "", [])


@pytest.mark.parametrize(
    ("since", "until"),
    [(None, None), (DAY, None), (None, DAY), (DAY, DAY), (date(2026, 1, 1), date(2026, 12, 31))],
)
def test_a_key_proves_the_days_that_it_is_valid_for(since: date | None, until: date | None) -> None:
    assert judged(seals.TrustedKey(PUBLIC, since, until)) == seals.PROVEN


@pytest.mark.parametrize(("since", "until"), [(date(2026, 11, 26), None), (None, date(2026, 11, 24))])
def test_a_key_proves_no_other_day(since: date | None, until: date | None) -> None:
    with pytest.raises(seals.Forged, match="not valid on that day"):
        judged(seals.TrustedKey(PUBLIC, since, until))


def test_a_key_may_be_valid_twice() -> None:
    spans = (seals.TrustedKey(PUBLIC, until=date(2026, 1, 1)), seals.TrustedKey(PUBLIC, since=DAY))
    assert judged(*spans) == seals.PROVEN


@pytest.mark.parametrize("keys", [[], [seals.TrustedKey(b"x" * 32)]])
def test_a_key_that_is_not_trusted_proves_nothing(keys: list[seals.TrustedKey]) -> None:
    with pytest.raises(seals.Forged, match="not trusted"):
        judged(*keys)


@pytest.mark.parametrize("signature", ["", "no base64!", base64.b64encode(b"x" * 64).decode()])
def test_a_signature_that_does_not_fit_proves_nothing(signature: str) -> None:
    with pytest.raises(seals.Forged, match="does not fit"):
        seals.judge(statement().text(), signature, [seals.TrustedKey(PUBLIC)])


def test_without_any_key_a_digest_may_be_unsigned() -> None:
    assert seals.judge(statement("").text(), "", []) == seals.UNSIGNED
    assert judged(seals.TrustedKey(PUBLIC, since=date(2026, 11, 26)), said=statement("")) == seals.UNSIGNED
    with pytest.raises(seals.Forged, match="not signed"):
        judged(seals.TrustedKey(PUBLIC, since=DAY), said=statement(""))


def test_a_private_key_is_read_from_pem_and_from_its_bytes() -> None:
    seed = KEY.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for text in (base64.b64encode(seed).decode(), pem):
        assert seals.public_bytes(seals.private_key(text)) == PUBLIC


def other_keys() -> list[str]:
    locked = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")).decode()
    other = rsa.generate_private_key(65537, 2048)
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return ["", "no base64", base64.b64encode(b"short").decode(), "-----BEGIN PRIVATE KEY-----", locked, pem]


@pytest.mark.parametrize("text", other_keys())
def test_what_is_no_private_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(seals.NotAKey, match="not an Ed25519 key") as caught:
        seals.private_key(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("span", ["", "@2026-01-01..", "@..2026-12-31", "@2026-01-01..2026-12-31"])
def test_a_trusted_key_is_written_as_it_is_read(span: str) -> None:
    text = base64.b64encode(PUBLIC).decode() + span
    assert seals.trusted_key(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "@..",
        base64.b64encode(b"x" * 31).decode(),
        f"{base64.b64encode(b'x' * 32).decode()}@2026-01-01",
    ],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(seals.NotAKey):
        seals.trusted_key(text)
