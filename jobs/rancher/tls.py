"""Trust in Rancher's certificate: a CA file, a pinned CA, or the system's CAs."""

import hashlib
import ssl

import httpx2

from jobs.errors import RefusedError, TransientError
from jobs.rancher.options import RancherOptions
from jobs.transport import Transport, accept_private_ca

TIMEOUT_SECONDS = 25
"""Longer than two hanging webhooks of Rancher, which it ends after 10 s each."""


def context(options: RancherOptions, proxy: str | None = None) -> ssl.SSLContext:
    """Return the trust in a CA file, in Rancher's own CA by its checksum, or in the system's."""
    if options.ca_file:
        try:
            return accept_private_ca(ssl.create_default_context(cafile=str(options.ca_file)))
        except (OSError, ssl.SSLError):
            message = f"{options.ca_file} holds no CA certificate."
            raise RefusedError("BadCa", message) from None
    if options.ca_checksum:
        return accept_private_ca(ssl.create_default_context(cadata=_pinned(options, proxy)))
    return accept_private_ca(ssl.create_default_context())


def _pinned(options: RancherOptions, proxy: str | None) -> str:
    """Fetch Rancher's CA, unverified and without the token, and compare its checksum.

    The checksum is CATTLE_CA_CHECKSUM of Rancher's agents: sha256 of the PEM with a newline at its
    end.
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
