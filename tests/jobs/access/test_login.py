"""The kubeconfig for people."""

import base64

import pytest
import yaml
from lightkube import KubeConfig

from jobs import kubeconfig
from jobs.access import login
from jobs.access.model import Connection, Issuer, Login
from jobs.errors import RefusedError

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
CORP = Issuer("corp", "https://login.example.org/x", "vcluster-kunde1", ("email", "groups"), PEM)
PARTNER = Issuer("partner", "https://partner.example.com", "vcluster-kunde1")
CONNECTION = Connection("https://10.0.0.1:443", "Q0E=")


def test_one_context_for_each_issuer() -> None:
    """People choose the issuer by the context; the first one is the default."""
    text = login.kubeconfig(Login("kunde1", (CORP, PARTNER), "https://kunde1.org"), CONNECTION)
    config = KubeConfig.from_dict(yaml.safe_load(text))
    assert config.current_context == "kunde1"
    assert list(config.contexts) == ["kunde1", "kunde1-partner"]
    assert {name: each.user for name, each in config.contexts.items()} == {
        "kunde1": "kunde1",
        "kunde1-partner": "kunde1-partner",
    }
    assert config.clusters["kunde1"].server == "https://kunde1.org"
    assert config.clusters["kunde1"].certificate_auth_data == "Q0E="


def test_the_command() -> None:
    """Kubectl starts the plugin with the issuer, the client of this VCluster, and the CA."""
    text = login.kubeconfig(Login("kunde1", (CORP, PARTNER)), CONNECTION)
    first, second = (each["user"]["exec"] for each in yaml.safe_load(text)["users"])
    assert first.pop("installHint").startswith("The plugin kubelogin is missing.")
    assert first == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "kubectl",
        "args": [
            "oidc-login",
            "get-token",
            "--oidc-issuer-url=https://login.example.org/x",
            "--oidc-client-id=vcluster-kunde1",
            "--oidc-extra-scope=email",
            "--oidc-extra-scope=groups",
            f"--certificate-authority-data={base64.b64encode(PEM.encode()).decode()}",
        ],
        "interactiveMode": "IfAvailable",
        "provideClusterInfo": False,
    }
    assert second["args"] == [
        "oidc-login",
        "get-token",
        "--oidc-issuer-url=https://partner.example.com",
        "--oidc-client-id=vcluster-kunde1",
    ]


def test_no_secret() -> None:
    """A user has a command, and neither certificate nor token."""
    text = login.kubeconfig(Login("kunde1", (CORP,)), CONNECTION)
    (user,) = yaml.safe_load(text)["users"]
    assert list(user["user"]) == ["exec"]


def test_a_server_for_people_is_optional() -> None:
    """Without one, people use the address of the certificate's kubeconfig."""
    config = yaml.safe_load(login.kubeconfig(Login("kunde1", (CORP,)), CONNECTION))
    assert config["clusters"][0]["cluster"]["server"] == "https://10.0.0.1:443"
    without = login.kubeconfig(Login("kunde1", (CORP,)), Connection("https://10.0.0.1", ""))
    assert yaml.safe_load(without)["clusters"][0]["cluster"] == {"server": "https://10.0.0.1"}


def test_our_programs_refuse_it() -> None:
    """A program that is given this kubeconfig by mistake starts no command."""
    text = login.kubeconfig(Login("kunde1", (CORP,)), CONNECTION)
    with pytest.raises(RefusedError, match="a program to run"):
        kubeconfig.read(text)
