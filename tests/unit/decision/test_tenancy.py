"""Self-service: a customer who writes his own spec gets nothing that is another's."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from dev.scripts import life
from function import protobuf
from function.api.errors import InvalidError
from function.api.names import derive
from function.compose import compose
from function.decision import tenancy, tenant_limits
from function.k8s.helm_values import merge
from function.observed.state import Request
from function.response.response import Response
from tests.support.factories import RANCHER, config, in_namespace, vcluster, wanted
from tests.support.tools import ROOT

UNIQUE = "6b3e3555a728f872"
"""Hash of team-a/shop."""

CREDENTIALS = (
    "cannot be used in scope Namespaced, where provider-helm looks for the Secret in the "
    "tenant's namespace. Remove it: offer the chart in a repository that needs no credentials, "
    "or in a registry to which provider-helm's own identity has access."
)


def request(example: str, state: str = "ready") -> Request:
    """Return a request of an example."""
    return protobuf.decode(life.request(example, state))


def configured(req: Request, changes: dict[str, Any]) -> Response:
    """Return the answer on a platform with another Input."""
    return compose(replace(req, input=merge(req.input or {}, changes)))


@pytest.mark.parametrize("state", ["nothing", "ready"])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"charts": {"pullSecret": "pull"}},
            f"input.charts.pullSecret: {CREDENTIALS}",
            id="our-charts",
        ),
        pytest.param(
            {"vcluster": {"chart": {"pullSecret": "pull"}}},
            f"input.vcluster.chart.pullSecret: {CREDENTIALS}",
            id="official-chart",
        ),
    ],
)
def test_no_credentials_of_the_platform_lie_with_customers(
    changes: dict[str, Any], message: str, state: str
) -> None:
    """A chart's pull Secret would have to be in each customer's namespace, so it is refused."""
    answer = configured(request("tenant", state), changes)
    assert answer.fatal == message
    assert answer.conditions[0].reason == "InvalidInput"
    assert answer.resources == {}
    assert configured(request("kunde1", state), changes).fatal == ""


def test_both_credentials_are_named_at_once() -> None:
    """One answer says all that is wrong."""
    both = {"charts.pullSecret": "a", "vcluster.chart.pullSecret": "b"}
    with pytest.raises(InvalidError) as error:
        tenancy.refuse_chart_secrets(config(both))
    assert str(error.value) == (
        f"input.vcluster.chart.pullSecret: {CREDENTIALS} | input.charts.pullSecret: {CREDENTIALS}"
    )


def test_the_pull_secret_of_images_stays_with_the_platform() -> None:
    """It is copied on the host, from the platform's namespace."""
    answer = configured(request("tenant"), {"pullSecret": "pull"})
    assert answer.fatal == ""
    release = answer.resources["namespace"].resource["spec"]["forProvider"]
    assert (release["namespace"], release["values"]["pullSecret"]) == ("vcluster-system", "pull")


PROJECTS = {
    "rancher": {
        **RANCHER,
        "projects": {"alpha": "local:p-a", "beta": "local:p-b", "gamma": "local:p-c"},
        "projectNamespaces": {"alpha": ["team-a"], "beta": ["team-b", "team-a"]},
    }
}


@pytest.mark.parametrize(
    ("namespace", "project", "expected"),
    [
        pytest.param("team-a", "alpha", "local:p-a", id="own"),
        pytest.param("team-b", "beta", "local:p-b", id="shared"),
        pytest.param("", "gamma", "local:p-c", id="scope-cluster"),
    ],
)
def test_project(namespace: str, project: str, expected: str) -> None:
    """A project may be named by those whom the platform lists, in scope Cluster by all."""
    asked = in_namespace(namespace, vcluster("shop", rancher={"project": project}))
    found = wanted(asked, config(PROJECTS)).rancher
    assert found
    assert found.project == expected


@pytest.mark.parametrize(
    ("namespace", "project", "known"),
    [
        pytest.param("team-b", "alpha", "beta", id="another-customers"),
        pytest.param("team-a", "gamma", "alpha, beta", id="nobodys"),
        pytest.param("team-c", "none", "none", id="not-there"),
        pytest.param("team", "alpha", "none", id="only-alike"),
    ],
)
def test_project_of_others(namespace: str, project: str, known: str) -> None:
    """Any other is refused, and of others' no name is told."""
    with pytest.raises(InvalidError) as error:
        wanted(
            in_namespace(namespace, vcluster("shop", rancher={"project": project})),
            config(PROJECTS),
        )
    assert str(error.value) == (
        "spec.rancher.project: is not a Rancher project that VClusters of this namespace may "
        f"name. Known: {known}."
    )
    assert error.value.reason == "InvalidSpec"


def test_a_project_that_is_not_there_has_no_namespaces() -> None:
    """A misspelled key opens nothing, and the platform is told."""
    with pytest.raises(InvalidError, match="every key of projectNamespaces must be one of project"):
        config({"rancher": {**RANCHER, "projectNamespaces": {"alpa": ["team-a"]}}})


OWN = "^{namespace}--[a-z0-9]+(-[a-z0-9]+)*$"
NOT_CHOSEN = (
    "spec.rancher.clusterName: cannot be chosen on this platform, because it might be another "
    "tenant's. Leave it out: the cluster is called like its namespace on the host."
)
NOT_OWN = (
    "spec.rancher.clusterName: must match ^team-a--[a-z0-9]+(-[a-z0-9]+)*$ and be neither local "
    "nor like c-x1y2z, nor end like a derived name. Choose another name for the cluster in Rancher."
)


def refused(namespace: str, name: str | None, pattern: str | None) -> str:
    """Return why a VCluster `shop` may not be called so in Rancher; empty if it may."""
    rancher = {**RANCHER, **({"clusterNamePattern": pattern} if pattern else {})}
    platform = config({"rancher": rancher})
    asked = in_namespace(namespace, vcluster("shop", rancher={"clusterName": name}))
    try:
        tenant_limits.check(asked.spec, wanted(asked, platform), platform, new=True)
    except InvalidError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        pytest.param(None, None, id="derived"),
        pytest.param(f"team-a-shop-{UNIQUE}", None, id="derived-in-words"),
        pytest.param(None, OWN, id="derived-beside-a-pattern"),
        pytest.param("team-a--web", OWN, id="by-the-pattern"),
    ],
)
def test_cluster_name(name: str | None, pattern: str | None) -> None:
    """In Rancher a cluster has the derived name, or one that is kept for its namespace."""
    assert refused("team-a", name, pattern) == ""


@pytest.mark.parametrize(
    ("name", "pattern", "message"),
    [
        pytest.param("web", None, NOT_CHOSEN, id="no-placeholder"),
        pytest.param("web", "^[a-z0-9-]+$", NOT_CHOSEN, id="a-pattern-for-all"),
        pytest.param(f"team-b-shop-{UNIQUE}", None, NOT_CHOSEN, id="derived-for-another"),
        pytest.param("team-b--web", OWN, NOT_OWN, id="another-namespace"),
        pytest.param("team-a-b--web", OWN, NOT_OWN, id="a-longer-namespace"),
        pytest.param("team-a--b--web", OWN, NOT_OWN, id="a-namespace-with-the-separator"),
        pytest.param(f"team-a--x-{UNIQUE}", OWN, NOT_OWN, id="like-a-derived-name"),
    ],
)
def test_cluster_name_of_others(name: str, pattern: str | None, message: str) -> None:
    """A customer cannot sit on a name that is, or will be, another's."""
    assert refused("team-a", name, pattern) == message


BACKTRACKING = """
from tests.unit.decision.test_tenancy import refused
print(refused("team-a", "team-a--" + "a" * 52 + "--a", "^{namespace}--([a-z0-9]+-?)+$"))
"""
"""A name of 63 characters over which a pattern backtracks for years."""


def test_a_pattern_costs_time_in_proportion_to_the_name() -> None:
    """No pattern of the Input and no name hangs the function, which has one thread."""
    done = subprocess.run(
        [sys.executable, "-c", BACKTRACKING],
        cwd=ROOT,
        timeout=300,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("spec.rancher.clusterName: must match ^team-a--([a-z0-9]+-?)+$ ")


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        pytest.param("shop--web", True, id="own"),
        pytest.param("other--web", False, id="of-another-vcluster"),
        pytest.param(f"shop--web-{UNIQUE}", True, id="like-a-derived-name"),
    ],
)
def test_placeholder_in_scope_cluster(name: str, *, accepted: bool) -> None:
    """There the placeholder stands for the VCluster's own name."""
    assert (refused("", name, OWN) == "") is accepted


def test_what_a_customer_made_has_the_names_of_its_namespace() -> None:
    """On the host, in Rancher and in labels: the VCluster's own name is not unique there."""
    answer = compose(request("tenant"))
    host = f"team-a-shop-{UNIQUE}"
    values = {
        key: answer.resources[key].resource["spec"]["forProvider"]["values"]
        for key in ("namespace", "rancher")
    }
    assert values["namespace"]["owner"]["name"] == host
    assert values["rancher"]["owner"]["name"] == host
    assert values["rancher"]["rancher"]["clusterName"] == host
    assert answer.status
    assert answer.status["rancher"]["clusterName"] == host


def test_everything_composed_is_in_the_customers_namespace() -> None:
    """Crossplane refuses anything else; Helm's releases of our charts stay with the platform."""
    resources = compose(request("tenant")).resources
    assert {key: one.resource["kind"] for key, one in resources.items()} == {
        "namespace": "Release",
        "vcluster": "Release",
        "rancher": "Release",
        "namespace-by-vcluster": "Usage",
        "vcluster-by-rancher": "Usage",
        "deletion-protection": "Usage",
    }
    assert {one.resource["metadata"]["namespace"] for one in resources.values()} == {"team-a"}
    targets = {
        key: one.resource["spec"]["forProvider"]["namespace"]
        for key, one in resources.items()
        if one.resource["kind"] == "Release"
    }
    assert targets == {
        "namespace": "vcluster-system",
        "vcluster": f"team-a-shop-{UNIQUE}",
        "rancher": "vcluster-system",
    }


def test_strangers_are_looked_for_at_home() -> None:
    """What an earlier VCluster of the name left lies in the customer's namespace."""
    names = derive("shop", "team-a", "vcluster-system")
    *asked, _ = compose(request("tenant", "nothing")).requirements
    assert [(one.namespace, one.name) for one in asked] == [
        ("team-a", names.namespace_release),
        ("team-a", names.release),
        ("team-a", names.rancher_release),
    ]


def test_conditions_name_the_customers_namespace() -> None:
    """Who looks for a Release finds it where the message says."""
    begun = compose(request("tenant", "nothing")).conditions[1]
    assert begun.message.startswith(f"Release team-a/team-a-shop-{UNIQUE}-namespace is not")


def test_the_platforms_namespace_is_no_customers() -> None:
    """A VCluster beside the platform's own objects is refused."""
    asked = in_namespace("vcluster-system", vcluster("shop"))
    with pytest.raises(InvalidError, match=r"^metadata\.namespace: is reserved by the platform"):
        wanted(asked, config())
