"""Whom to trust when talking to Rancher: always somebody, never everybody."""

import hashlib
import ssl

import httpx2

from jobs.errors import RefusedError, TransientError
from jobs.rancher.options import RancherOptions
from jobs.transport import Transport

TIMEOUT_SECONDS = 25
"""Longer than two of Rancher's webhooks hang, at 10 s each, before it answers with an error."""


def context(options: RancherOptions, proxy: str | None = None) -> ssl.SSLContext:
    """Return the trust: a CA from a file, Rancher's own pinned by checksum, or the system's."""
    if options.ca_file:
        try:
            return as_others_verify(ssl.create_default_context(cafile=str(options.ca_file)))
        except (OSError, ssl.SSLError):
            message = f"{options.ca_file} holds no CA certificate."
            raise RefusedError("BadCa", message) from None
    if options.ca_checksum:
        return as_others_verify(ssl.create_default_context(cadata=_pinned(options, proxy)))
    return as_others_verify(ssl.create_default_context())


def as_others_verify(context: ssl.SSLContext) -> ssl.SSLContext:
    """Verify chain, dates and names, as Go and curl do, but not the form of the CA's certificate.

    Python 3.13 began to refuse a CA without key usage or a certificate without authority key
    identifier, which many private CAs and older clusters have, and kubectl accepts:
    https://docs.python.org/3/library/ssl.html#ssl.create_default_context.
    """
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _pinned(options: RancherOptions, proxy: str | None) -> str:
    """Fetch Rancher's CA without trust and without the token, and trust it if it is the right one.

    The checksum is the one that Rancher's agents use, CATTLE_CA_CHECKSUM: sha256 of the PEM with
    a newline at its end.
    """
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    try:
        with httpx2.Client(
            transport=Transport(unverified, proxy=proxy), timeout=TIMEOUT_SECONDS, trust_env=False
        ) as client:
            answer = client.get(f"{options.url}/v3/settings/cacerts")
        pem = str(answer.json()["value"]).strip() + "\n"
    except (httpx2.HTTPError, ValueError, KeyError, TypeError, RecursionError):
        raise TransientError("RancherUnreachable", "Rancher gives no CA certificate.") from None
    if hashlib.sha256(pem.encode()).hexdigest() != options.ca_checksum:
        message = "The CA certificate that Rancher shows has another checksum than expected."
        raise RefusedError("TlsNotTrusted", message)
    return pem
