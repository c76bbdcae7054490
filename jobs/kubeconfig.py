"""Read the kubeconfig of a virtual cluster.

It lies in the virtual cluster's namespace on the host, so whoever has taken over a control plane
may write it. In a kubeconfig can stand programs to run and files to send, such as Rancher's token:
https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/. Only what is in it counts here.
"""

from urllib.parse import urlsplit

import yaml
from lightkube import KubeConfig
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import Cluster, User

from jobs.errors import RefusedError, TransientError


def read(text: str, server: str = "") -> SingleConfig:
    """Return the current context's cluster and user; `server` takes the place of its own.

    Raises `TransientError` for what is no kubeconfig (yet), and `RefusedError` for one that asks
    for more than certificates and a token. The text is in no message.
    """
    try:
        config = KubeConfig.from_dict(yaml.safe_load(text)).get()
    except Exception:  # noqa: BLE001  # whatever is wrong with it, its text must not be shown
        message = "The kubeconfig Secret holds no kubeconfig."
        raise TransientError("BadKubeconfig", message) from None
    if config is None:
        message = "The kubeconfig Secret names no current context."
        raise TransientError("BadKubeconfig", message)
    cluster, user = config.cluster, config.user or User()
    address = server or cluster.server
    wrong = [what for what, is_there in _refused(cluster, user, address).items() if is_there]
    if wrong:
        message = (
            f"The kubeconfig Secret names {', '.join(wrong)}. No virtual cluster writes that: "
            "somebody else did."
        )
        raise RefusedError("BadKubeconfig", message)
    return config._replace(
        cluster=Cluster(server=address, certificate_auth_data=cluster.certificate_auth_data),
        user=User(
            token=user.token,
            client_cert_data=user.client_cert_data,
            client_key_data=user.client_key_data,
        ),
    )


def _is_private(address: str) -> bool:
    """Tell whether nobody is in between: by TLS, or because it is this very machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in ("127.0.0.1", "::1")


def _refused(cluster: Cluster, user: User, address: str) -> dict[str, bool]:
    return {
        "a program to run": user.exec is not None,
        "an auth provider": user.auth_provider is not None,
        "a file with a token": user.token_file is not None,
        "files with certificates": any(
            (cluster.certificate_auth, user.client_cert, user.client_key)
        ),
        "a password": any((user.username, user.password)),
        "a server that is not verified": cluster.insecure,
        "a server without TLS": not _is_private(address),
    }
