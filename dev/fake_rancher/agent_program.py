"""Rancher's agent in a virtual cluster, reduced to its reports to Rancher.

Like the real one it fetches Rancher's certificates unverified, accepts them only with the checksum
of the manifest, and verifies every further connection with them.
"""

import base64
import hashlib
import json
import os
import signal
import ssl
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import NoReturn

from .connections import PATH, TOKEN_HEADER

CREDENTIALS = Path("/cattle-credentials")
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PERIOD_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0
TIMEOUT_SECONDS = 5.0


class RefusedError(Exception):
    """A refusal of Rancher, after which a retry does not help."""


def main() -> None:
    """Report until SIGTERM."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    server = os.environ["CATTLE_SERVER"]
    context: ssl.SSLContext | None = None
    pause, connected = PERIOD_SECONDS, False
    while not ended.is_set():
        try:
            context = context or trust(server, os.environ.get("CATTLE_CA_CHECKSUM", ""))
            ask_own_cluster()
            report(server, context)
            if not connected:
                say(f"connected to {server}")
            pause, connected = PERIOD_SECONDS, True
        except RefusedError as error:
            fail(str(error))
        except (OSError, ValueError) as error:
            say(f"not connected: {type(error).__name__}: {getattr(error, 'reason', error)}")
            pause, connected = min(2 * pause, LONGEST_PAUSE_SECONDS), False
        ended.wait(pause)


def trust(server: str, checksum: str) -> ssl.SSLContext:
    """Return the trust in Rancher's own certificates."""
    if not checksum:
        return ssl.create_default_context()
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(  # noqa: S310 -- the manifest says where
        f"{server}/v3/settings/cacerts", timeout=TIMEOUT_SECONDS, context=unverified
    ) as answer:
        shown = json.load(answer)["value"]
    text = shown if shown.endswith("\n") else f"{shown}\n"
    if hashlib.sha256(text.encode()).hexdigest() != checksum:
        msg = "the certificates that Rancher shows do not have the checksum of the manifest"
        raise RefusedError(msg)
    return ssl.create_default_context(cadata=shown)


def ask_own_cluster() -> None:
    """Fail unless this agent's own API server answers it."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    token = (ACCOUNT / "token").read_text()
    request = urllib.request.Request(
        f"https://{host}:{port}/version", headers={"Authorization": f"Bearer {token}"}
    )
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=context):  # noqa: S310
        pass


def report(server: str, context: ssl.SSLContext) -> None:
    """Report to Rancher."""
    token = (CREDENTIALS / "token").read_text()
    params = base64.b64encode(json.dumps({"cluster": {}}).encode()).decode()
    headers = {TOKEN_HEADER: token, "X-API-Tunnel-Params": params}
    request = urllib.request.Request(server + PATH, b"", headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=context):  # noqa: S310
            pass
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 401:
                msg = "Rancher does not know the token of this agent (401)"
                raise RefusedError(msg) from None
            raise


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fail(text: str) -> NoReturn:
    """Print and exit; Kubernetes restarts the agent."""
    say(text)
    sys.exit(1)


if __name__ == "__main__":
    main()
