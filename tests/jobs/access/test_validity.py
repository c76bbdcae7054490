"""The end of certificates' validity, compared with OpenSSL."""

import base64
import datetime as dt
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.access import validity


def certificate(folder: Path, days: int, *more: str) -> bytes:
    """Return a certificate in PEM that is valid for some days."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-subj", "/CN=x"),
            *("-pkeyopt", "ec_paramgen_curve:P-256", "-days", str(days), *more),
            *("-keyout", folder / "tls.key", "-out", folder / "tls.crt"),
        ],
        check=True,
        capture_output=True,
    )
    return (folder / "tls.crt").read_bytes()


def end(folder: Path) -> dt.datetime:
    """Return what OpenSSL says of the last certificate."""
    done = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in", folder / "tls.crt"],
        check=True,
        capture_output=True,
        text=True,
    )
    text = done.stdout.strip().removeprefix("notAfter=")
    return dt.datetime.strptime(text, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=dt.UTC)


@pytest.mark.parametrize("days", [1, 3650, 36500])
def test_until(tmp_path: Path, days: int) -> None:
    """Before 2050 a certificate has two digits for the year, from then on four."""
    pem = certificate(tmp_path, days, "-addext", "subjectAltName=DNS:x.example.org")
    assert validity.earliest(base64.b64encode(pem).decode()) == end(tmp_path)


def test_the_first_to_expire(tmp_path: Path) -> None:
    """Of several certificates the first to expire decides."""
    long = certificate(tmp_path, 30)
    short = certificate(tmp_path, 3)
    assert validity.earliest(base64.b64encode(long + short).decode()) == end(tmp_path)


@pytest.mark.parametrize("data", [None, "", "Q0E=", "no base64!", base64.b64encode(b"x").decode()])
def test_no_certificate(data: str | None) -> None:
    """What is none has no end."""
    assert validity.earliest(data) is None


@settings(deadline=None)
@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda data: b"\x30\x50\x30\x40" + data))
def test_garbage(data: bytes) -> None:
    """Whatever a control plane writes, no other error comes of it."""
    with pytest.raises(validity.NoCertificateError):
        validity.until(data)


def test_cut_off(tmp_path: Path) -> None:
    """A certificate that lacks its end is none."""
    lines = certificate(tmp_path, 3).decode().splitlines()[1:-1]
    der = base64.b64decode("".join(lines))
    for length in range(len(der)):
        with pytest.raises(validity.NoCertificateError):
            validity.until(der[:length])
