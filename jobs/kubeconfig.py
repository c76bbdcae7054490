"""Read the kubeconfig of a virtual cluster.

It is in the virtual cluster's namespace on the host, so a compromised control plane can write it.
A kubeconfig can name programs to run and files to send, such as Rancher's token, so only inline
certificates and tokens are accepted:
https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from urllib.parse import urlsplit

import yaml
from lightkube import KubeConfig
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import Cluster, User

from jobs.errors import RefusedError, TransientError


def read(text: str, server: str = "") -> SingleConfig:
    """Return cluster and user of the current context; `server` replaces its address.

    Raises `TransientError` for a text that is no kubeconfig (yet), and `RefusedError` for one with
    more than certificates and a token. No message quotes the text.
    """
    try:
        config = KubeConfig.from_dict(yaml.safe_load(text)).get()
    except Exception:  # noqa: BLE001  # any error; its text may quote secrets
        message = "The kubeconfig Secret holds no kubeconfig."
        raise TransientError("BadKubeconfig", message) from None
    if config is None:
        message = "The kubeconfig Secret names no current context."
        raise TransientError("BadKubeconfig", message)
    cluster, user = config.cluster, config.user or User()
    address = server or cluster.server
    faults = [fault for fault, present in _faults(cluster, user, address).items() if present]
    if faults:
        message = (
            f"The kubeconfig Secret names {', '.join(faults)}. No virtual cluster writes that: "
            "it was changed."
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
    """Return whether the connection is protected: by TLS, or because it stays on the machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in ("127.0.0.1", "::1")


def _faults(cluster: Cluster, user: User, address: str) -> dict[str, bool]:
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
