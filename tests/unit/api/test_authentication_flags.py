"""Arguments of the API server that exclude the file of issuers."""

import pytest

from function.api import authentication_flags


@pytest.mark.parametrize(
    ("argument", "is_excluded"),
    [
        ("--oidc-issuer-url=https://a", True),
        ("--oidc_issuer_url=https://a", True),
        ("-oidc-ca-file", True),
        (" --authentication-config", True),
        ("--anonymous-auth=true", True),
        ("--feature-gates=StructuredAuthenticationConfiguration=false", True),
        ("--authentication-token-webhook-config-file=/a", False),
        ("--v=1", False),
        (5, False),
    ],
)
def test_arguments(argument: object, *, is_excluded: bool) -> None:
    """Each form in which the API server takes it is refused, and no other one."""
    values = {"controlPlane": {"distro": {"k8s": {"apiServer": {"extraArgs": [argument]}}}}}
    assert bool([*authentication_flags.problems({"input": values})]) is is_excluded
