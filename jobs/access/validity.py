"""The time until which certificates are valid.

The standard library shows it of a peer only, so it is read from the certificate itself:
https://www.rfc-editor.org/rfc/rfc5280#section-4.1.
"""

import base64
import datetime as dt
import re

SEQUENCE, VERSION, UTC_TIME, GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
BEFORE_VALIDITY = 3
"""Fields between version and validity: serial number, algorithm, issuer."""

LONG_LENGTH = 0x80
CENTURY_BEGINS = 50
"""A year of two digits from here on is one of the century before."""

PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END CERTIFICATE-----")


class NoCertificateError(ValueError):
    """Bytes that are no certificate."""

    def __init__(self) -> None:
        """Say no more: what is read comes from a virtual cluster."""
        super().__init__("These bytes are no certificate.")


def earliest(data: str | None) -> dt.datetime | None:
    """Return the end of the first certificate to expire, of base64 of PEM; None if unreadable."""
    try:
        texts = PEM.findall(base64.b64decode(data or ""))
        return min(until(base64.b64decode(text)) for text in texts)
    except ValueError:
        return None


def until(certificate: bytes) -> dt.datetime:
    """Return the end of a certificate in DER. Raises NoCertificateError for other bytes."""
    try:
        _, whole, _ = _element(certificate)
        _, signed, _ = _element(whole)
        tag, _, rest = _element(signed)
        fields = rest if tag == VERSION else signed
        for _ in range(BEFORE_VALIDITY):
            _, _, fields = _element(fields)
        _, validity, _ = _element(fields)
        _, _, rest = _element(validity)
        tag, text, _ = _element(rest)
        return _time(tag, text.decode("ascii"))
    except (IndexError, ValueError):
        raise NoCertificateError from None


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Return tag and content of the first element of DER, and the bytes after it."""
    tag, length, start = data[0], data[1], 2
    if length >= LONG_LENGTH:
        start += length - LONG_LENGTH
        length = int.from_bytes(data[2:start])
    end = start + length
    if end > len(data):
        raise NoCertificateError
    return tag, data[start:end], data[end:]


def _time(tag: int, text: str) -> dt.datetime:
    if tag == UTC_TIME:
        century = "19" if int(text[:2]) >= CENTURY_BEGINS else "20"
        text = f"{century}{text}"
    elif tag != GENERALIZED_TIME:
        raise NoCertificateError
    return dt.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC)
