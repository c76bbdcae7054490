"""The import into Rancher and its removal: state, Jobs, rights and hooks."""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from function.api import names
from function.observed import rancher
from jobs.rancher import report
from tests.support.charts import RenderChart

Render = Callable[[Mapping[str, object]], list[dict[str, Any]]]

CHART = "vcluster-rancher"
TOKEN_FILE = {"name": "RANCHER_TOKEN_FILE", "value": "/run/secrets/rancher/token"}


@pytest.fixture(scope="session")
def render(render_chart: RenderChart) -> Render:
    """Return a function that turns values into the objects of the chart, hooks included."""
    return lambda values: render_chart(CHART, "kunde1-rancher", values)


@pytest.fixture
def minimal(case: Callable[[str, str], dict[str, Any]]) -> dict[str, Any]:
    """Return the least that the chart wants."""
    return case(CHART, "minimal")


@pytest.fixture
def everything(case: Callable[[str, str], dict[str, Any]]) -> dict[str, Any]:
    """Return values that use every feature of the chart."""
    return case(CHART, "everything")


@pytest.fixture
def edited(charts: Path, tmp_path: Path) -> Callable[[tuple[str, str, str]], Path]:
    """Return a function that copies the chart and replaces a text in one of its files."""

    def copy(edit: tuple[str, str, str]) -> Path:
        file, text, replacement = edit
        chart = shutil.copytree(charts / CHART, tmp_path / CHART)
        content = (chart / file).read_text()
        assert text in content
        (chart / file).write_text(content.replace(text, replacement))
        return chart

    return copy


def test_state_at_first(render: Render, minimal: dict[str, Any]) -> None:
    """The state has every key before the import has run, so each can be read at once."""
    (state,) = _of_kind(render(minimal), "ConfigMap")

    assert state["metadata"] == {
        "name": "kunde1-rancher",
        "namespace": "vcluster-system",
        "labels": {
            "app.kubernetes.io/instance": "kunde1-rancher",
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/name": "vcluster-rancher",
            "app.kubernetes.io/version": "0.1.0",
            "caas.telekom.de/state": "rancher",
            "caas.telekom.de/vcluster": "kunde1",
            "helm.sh/chart": "vcluster-rancher-0.1.0",
        },
    }
    assert state["data"] == {
        "phase": "Pending",
        "reason": "JobStarting",
        "message": "The import's Job has not begun. If this stays, look at its pods in namespace "
        "vcluster-system.",
        "clusterName": "kunde1",
        "clusterId": "",
        "desiredInputs": "0123456789abcdef",
        "observedInputs": "",
        "ownerUid": "227fb97b-6cf6-4f79-9ae9-ffb14550d34d",
        "report": json.dumps(
            {
                "clusterId": "",
                "clusterName": "kunde1",
                "message": "The import's Job has not begun. If this stays, look at its pods in "
                "namespace vcluster-system.",
                "observedInputs": "",
                "phase": "Pending",
                "reason": "JobStarting",
            },
            separators=(",", ":"),
        ),
    }
    assert not report.is_outdated(state["data"])


def test_state_has_the_keys_that_are_read(render: Render, minimal: dict[str, Any]) -> None:
    """The function finds every key it asks for: a missing one fails the provider's observation."""
    (state,) = _of_kind(render(minimal), "ConfigMap")

    assert set(state["data"]) == {rancher.REPORT, *rancher.STATE_KEYS, "ownerUid"}
    assert state["data"]["phase"] in rancher.PHASES


@pytest.mark.parametrize("inputs", ["1234567890123456", "0123456701234567", "12345678e0123456"])
def test_text_stays_text(render: Render, minimal: dict[str, Any], inputs: str) -> None:
    """A hash or a name that YAML reads as a number or a truth is still that text."""
    minimal["inputs"] = inputs
    minimal["owner"] = {"name": "true", "uid": "1e3"}
    minimal["rancher"]["clusterName"] = "0x1f"
    objects = render(minimal)
    (state,) = _of_kind(objects, "ConfigMap")

    assert state["data"]["desiredInputs"] == inputs
    assert state["data"]["ownerUid"] == "1e3"
    assert state["data"]["clusterName"] == "0x1f"
    assert {o["metadata"]["labels"]["caas.telekom.de/vcluster"] for o in objects} == {"true"}
    assert {(v["name"], v["value"]) for v in _env(_import(objects))} >= {
        ("INPUTS", inputs),
        ("OWNER_NAME", "true"),
        ("OWNER_UID", "1e3"),
        ("CLUSTER_NAME", "0x1f"),
    }


PROXY = {
    "https": "http://proxy.example.org:3128",
    "http": "http://proxy.example.org:3128",
    "noProxy": ["10.0.0.0/8", ".svc"],
}
VARIABLES = {
    "HTTPS_PROXY": "http://proxy.example.org:3128",
    "HTTP_PROXY": "http://proxy.example.org:3128",
    "NO_PROXY": "10.0.0.0/8,.svc",
}


def test_environment_of_the_import(render: Render, minimal: dict[str, Any]) -> None:
    """The program is told everything, by these names, and no secret."""
    assert _env(_import(render(minimal))) == [
        {"name": "RANCHER_URL", "value": "https://rancher.example.org"},
        TOKEN_FILE,
        {"name": "CLUSTER_NAME", "value": "kunde1"},
        {"name": "OWNER_NAME", "value": "kunde1"},
        {"name": "OWNER_UID", "value": "227fb97b-6cf6-4f79-9ae9-ffb14550d34d"},
        {"name": "OWNERS", "value": "[]"},
        {"name": "LABELS", "value": "{}"},
        {"name": "INPUTS", "value": "0123456789abcdef"},
        {"name": "ON_REBUILD", "value": "Recreate"},
        {"name": "STATE_NAMESPACE", "value": "vcluster-system"},
        {"name": "STATE_CONFIG_MAP", "value": "kunde1-rancher"},
        {"name": "KUBECONFIG_NAMESPACE", "value": "kunde1"},
        {"name": "KUBECONFIG_SECRET", "value": "vc-kunde1-vcluster"},
        {"name": "KUBECONFIG_KEY", "value": "config"},
        {"name": "TIMEOUT", "value": "15m"},
        {"name": "ON_DELETE", "value": "Delete"},
    ]


def test_environment_with_everything(render: Render, everything: dict[str, Any]) -> None:
    """Each value reaches the program."""
    (owners,) = (v for v in _env(_import(render(everything))) if v["name"] == "OWNERS")

    assert [v for v in _env(_import(render(everything))) if v != owners] == [
        {"name": "RANCHER_URL", "value": "https://rancher.example.org:8443"},
        TOKEN_FILE,
        {"name": "RANCHER_CA_FILE", "value": "/run/secrets/rancher-ca/ca.crt"},
        *({"name": name, "value": value} for name, value in sorted(VARIABLES.items())),
        {"name": "AGENT_VARIABLES", "value": json.dumps(VARIABLES, separators=(",", ":"))},
        {
            "name": "AGENT_RESOURCES",
            "value": '{"limits.memory":"1Gi","requests.memory":"512Mi"}',
        },
        {"name": "CLUSTER_NAME", "value": "kunde1-prod"},
        {"name": "OWNER_NAME", "value": "kunde1"},
        {"name": "OWNER_UID", "value": "227fb97b-6cf6-4f79-9ae9-ffb14550d34d"},
        {"name": "LABELS", "value": '{"caas.telekom.de/plan":"small","team":"shop"}'},
        {"name": "INPUTS", "value": "fedcba9876543210"},
        {"name": "ON_REBUILD", "value": "Redeploy"},
        {"name": "STATE_NAMESPACE", "value": "vcluster-system"},
        {"name": "STATE_CONFIG_MAP", "value": "kunde1-rancher"},
        {"name": "KUBECONFIG_NAMESPACE", "value": "kunde1"},
        {"name": "KUBECONFIG_SECRET", "value": "vc-kunde1-vcluster"},
        {"name": "KUBECONFIG_KEY", "value": "config"},
        {"name": "TIMEOUT", "value": "1h30m"},
        {"name": "ON_DELETE", "value": "Delete"},
    ]


def test_owners_arrive_as_written(render: Render, everything: dict[str, Any]) -> None:
    """No sign in a group's name is lost on the way, and none becomes another variable's value."""
    (owners,) = (v["value"] for v in _env(_import(render(everything))) if v["name"] == "OWNERS")

    assert json.loads(_expanded(owners)) == [
        {"user": "u-abcde", "role": "cluster-owner"},
        {"userPrincipal": "keycloakoidc_user://3f2a", "role": "rt-x7k2p"},
        {
            "group": 'openldap_group://cn=R&D "ä" <a\\b>,dc=$(OWNER_UID)',
            "role": "cluster-member",
        },
    ]


@pytest.mark.parametrize("values", ["minimal", "everything"])
def test_environment_of_the_deregistration(
    render: Render, values: str, request: pytest.FixtureRequest
) -> None:
    """It is told what the import is told, with less time, and where to write what it gave up."""
    objects = render(request.getfixturevalue(values))
    expected = [v for v in _env(_import(objects)) if v["name"] != "TIMEOUT"]
    expected.append({"name": "TIMEOUT", "value": "4m"})

    assert sorted(_env(_deregistration(objects)), key=_name) == sorted(expected, key=_name)


def test_asleep(render: Render, minimal: dict[str, Any]) -> None:
    """Watcher and deregistration know that it sleeps; the import does not run again for it."""
    awake, asleep = render(minimal), render({**minimal, "power": "Sleeping"})
    assert _import(asleep) == _import(awake)
    known = {"name": "POWER", "value": "Sleeping"}
    assert [v for v in _env(_deregistration(asleep)) if v not in _env(_deregistration(awake))] == [
        known
    ]
    (state,), (before,) = _of_kind(asleep, "ConfigMap"), _of_kind(awake, "ConfigMap")
    assert state["data"] == {**before["data"], "power": "Sleeping"}


def test_checksum_instead_of_certificates(render: Render, minimal: dict[str, Any]) -> None:
    """Rancher's certificates are known by a checksum: nothing is mounted for it."""
    minimal["rancher"]["caChecksum"] = "0123456789abcdef" * 4
    job = _import(render(minimal))

    assert {"name": "RANCHER_CA_CHECKSUM", "value": "0123456789abcdef" * 4} in _env(job)
    assert "RANCHER_CA_FILE" not in {v["name"] for v in _env(job)}
    assert [v["name"] for v in job["spec"]["template"]["spec"]["volumes"]] == ["rancher", "tmp"]


def test_proxy(render: Render, minimal: dict[str, Any]) -> None:
    """Import, deregistration and Rancher's agent take the platform's way to Rancher."""
    minimal["rancher"]["proxy"] = PROXY
    objects = render(minimal)
    for job in (_import(objects), _deregistration(objects)):
        env = {v["name"]: v["value"] for v in _env(job)}
        assert env.items() >= VARIABLES.items()
        assert json.loads(env["AGENT_VARIABLES"]) == VARIABLES


def test_agent_resources(render: Render, minimal: dict[str, Any]) -> None:
    """The import takes them as a map of texts, and none where there are none."""
    assert "AGENT_RESOURCES" not in {v["name"] for v in _env(_import(render(minimal)))}
    given = {"requests.memory": "512Mi", "limits.memory": "1Gi"}
    minimal["rancher"]["agentResources"] = given
    env = {v["name"]: v["value"] for v in _env(_import(render(minimal)))}
    assert json.loads(env["AGENT_RESOURCES"]) == given


def test_no_proxy(render: Render, minimal: dict[str, Any]) -> None:
    """Without one nothing speaks of it."""
    names = {v["name"] for v in _env(_import(render(minimal)))}
    assert not names & {*VARIABLES, "AGENT_VARIABLES"}


def test_the_import_never_gives_up(render: Render, minimal: dict[str, Any]) -> None:
    """No deadline ends the import, and nothing removes the Job when it is done."""
    job = _import(render(minimal))

    assert set(job["spec"]) == {"backoffLimit", "template"}
    assert job["spec"]["backoffLimit"] == 1000000
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "OnFailure"
    assert "annotations" not in job["metadata"]


CHANGES = [
    ("inputs", "ffffffffffffffff"),
    ("owner.name", "kunde2"),
    ("owner.uid", "0c9ab3a7-53de-4c3f-9ec4-cc0c7a0d1e35"),
    ("vcluster.namespace", "kunde2"),
    ("vcluster.kubeconfigSecret", {"name": "vc-kunde2-vcluster", "key": "config"}),
    ("vcluster.kubeconfigSecret", {"name": "vc-kunde1-vcluster", "key": "kubeconfig"}),
    ("stateConfigMap", "kunde2-rancher"),
    ("rancher.url", "https://other.example.org"),
    ("rancher.clusterName", "kunde2"),
    ("rancher.tokenSecret", {"name": "other", "key": "api-token"}),
    ("rancher.tokenSecret", {"name": "rancher-token", "key": "other"}),
    ("rancher.caSecret", {}),
    ("rancher.caSecret", {"name": "other", "key": "root.pem"}),
    ("rancher.caSecret", {"name": "rancher-ca", "key": "other"}),
    ("rancher.owners", []),
    ("rancher.labels", {}),
    ("rancher.timeout", "1h"),
    ("rancher.onRebuild", "Fail"),
    ("image", "ghcr.io/example/function-vcluster:0.1.1"),
    ("imagePullSecrets", []),
    ("imagePullSecrets", ["registry"]),
]


@pytest.mark.parametrize(("path", "value"), CHANGES)
def test_a_change_is_another_job(
    render: Render, everything: dict[str, Any], path: str, value: object
) -> None:
    """What a Job works with cannot change under it: another value is a Job of another name."""
    before, after = (_import(render(v)) for v in (everything, _changed(everything, path, value)))

    assert before["spec"]["template"] != after["spec"]["template"]
    assert _hash(before) != _hash(after)


def test_what_the_pod_does_not_see_is_the_same_job(
    render: Render, everything: dict[str, Any]
) -> None:
    """The name of the virtual cluster's release, which only people read, runs nothing again."""
    before = _import(render(everything))
    after = _import(render(_changed(everything, "vcluster.release", "other")))

    assert before == after


SAME = [
    ("Chart.yaml", "version: 0.1.0", "version: 0.2.0"),
    ("templates/import.yaml", "backoffLimit: 1000000", "backoffLimit: 1000001"),
    ("templates/_helpers.tpl", "# In memory:", "# In RAM:"),
    ("templates/_helpers.tpl", "command: [rancher-import]", 'command: ["rancher-import"]'),
]
ANOTHER = [
    ("templates/_helpers.tpl", "memory: 160Mi", "memory: 256Mi"),
    ("templates/_helpers.tpl", "65532", "65533"),
]


@pytest.mark.parametrize(
    ("edit", "same"),
    [pytest.param(edit, edit in SAME, id=f"{edit[1]} to {edit[2]}") for edit in [*SAME, *ANOTHER]],
)
def test_a_new_chart_imports_again_only_if_its_pod_changed(
    render_chart: RenderChart,
    edited: Callable[[tuple[str, str, str]], Path],
    everything: dict[str, Any],
    edit: tuple[str, str, str],
    *,
    same: bool,
) -> None:
    """A release of the chart does not send every VCluster through the import again."""
    before, after = (
        _import(render_chart(chart, "kunde1-rancher", everything))
        for chart in (CHART, edited(edit))
    )

    assert (before["metadata"]["name"] == after["metadata"]["name"]) is same
    assert (before["spec"]["template"] == after["spec"]["template"]) is same


def test_names_of_the_longest_vcluster(render: Render, minimal: dict[str, Any]) -> None:
    """The longest name that the function takes still makes a Job, which may have 63 characters."""
    derived = names.derive("a" * names.LONGEST, "", "vcluster-system")
    minimal["stateConfigMap"] = derived.state_config_map
    objects = render(minimal)

    assert len(derived.state_config_map) == 46
    assert re.fullmatch("a{38}-ranche-import-[0-9a-f]{10}", _import(objects)["metadata"]["name"])
    assert max(len(job["metadata"]["name"]) for job in _of_kind(objects, "Job")) == 63


def test_shortened_names_differ(render: Render, minimal: dict[str, Any]) -> None:
    """Two states whose names begin alike for longer than a Job's name is have two Jobs."""
    jobs = {
        _import(render(_changed(minimal, "stateConfigMap", "a" * 45 + end)))["metadata"]["name"]
        for end in ("", "b", "c", "-rance")
    }

    assert len(jobs) == 4


def test_a_shortened_name_does_not_end_in_a_hyphen(render: Render, minimal: dict[str, Any]) -> None:
    """Cutting a name leaves one that reads well."""
    job = _import(render(_changed(minimal, "stateConfigMap", "a" * 44 + "-b")))

    assert job["metadata"]["name"].startswith("a" * 44 + "-import-")


def test_rights(render: Render, minimal: dict[str, Any]) -> None:
    """Exactly these rights, by name wherever a name can be a condition."""
    objects = render(minimal)
    rules = {_key(role): role["rules"] for role in _of_kind(objects, "Role")}

    assert rules == {
        ("kunde1", "kunde1-rancher-kubeconfig"): [
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": ["vc-kunde1-vcluster"],
                "verbs": ["get", "watch"],
            }
        ],
        ("vcluster-system", "kunde1-rancher-import"): [
            {
                "apiGroups": [""],
                "resources": ["configmaps"],
                "resourceNames": ["kunde1-rancher"],
                "verbs": ["get", "patch"],
            }
        ],
        ("vcluster-system", "kunde1-rancher-deregister"): [
            {
                "apiGroups": [""],
                "resources": ["configmaps"],
                "resourceNames": ["kunde1-rancher"],
                "verbs": ["get", "patch"],
            },
            {
                "apiGroups": [""],
                "resources": ["configmaps"],
                "resourceNames": ["vcluster-abandoned"],
                "verbs": ["patch"],
            },
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
        ],
    }
    assert not [o for o in objects if o["kind"].startswith("Cluster")]


def test_who_has_the_rights(render: Render, minimal: dict[str, Any]) -> None:
    """Each Job has an account of its own; the import reads the kubeconfig."""
    objects = render(minimal)
    holders = {
        (*_key(binding), binding["roleRef"]["kind"], binding["roleRef"]["name"]): [
            (subject["kind"], subject["namespace"], subject["name"])
            for subject in binding["subjects"]
        ]
        for binding in _of_kind(objects, "RoleBinding")
    }
    importer = ("ServiceAccount", "vcluster-system", "kunde1-rancher-import")
    deregisterer = ("ServiceAccount", "vcluster-system", "kunde1-rancher-deregister")

    assert holders == {
        (
            "kunde1",
            "kunde1-rancher-kubeconfig",
            "Role",
            "kunde1-rancher-kubeconfig",
        ): [importer],
        (
            "vcluster-system",
            "kunde1-rancher-import",
            "Role",
            "kunde1-rancher-import",
        ): [importer],
        (
            "vcluster-system",
            "kunde1-rancher-deregister",
            "Role",
            "kunde1-rancher-deregister",
        ): [deregisterer],
    }
    assert {
        (*_key(account), account["automountServiceAccountToken"])
        for account in _of_kind(objects, "ServiceAccount")
    } == {
        ("vcluster-system", "kunde1-rancher-import", False),
        ("vcluster-system", "kunde1-rancher-deregister", False),
    }


def test_only_rights_are_outside_of_the_platform(
    render: Render, everything: dict[str, Any]
) -> None:
    """Nothing of the import lies where the virtual cluster is, but the right to its kubeconfig."""
    objects = render(everything)

    assert {o["metadata"]["namespace"] for o in objects} == {"vcluster-system", "kunde1"}
    assert {o["kind"] for o in objects if o["metadata"]["namespace"] == "kunde1"} == {
        "Role",
        "RoleBinding",
    }


def test_hooks(render: Render, minimal: dict[str, Any]) -> None:
    """The deregistration makes what it needs by itself, in this order, and cleans up behind it."""
    hooks = {
        (o["kind"], o["metadata"]["name"]): o["metadata"]["annotations"]
        for o in render(minimal)
        if "annotations" in o["metadata"]
    }
    policy = "before-hook-creation,hook-succeeded"

    assert hooks == {
        (kind, "kunde1-rancher-deregister"): {
            "helm.sh/hook": "pre-delete",
            "helm.sh/hook-weight": weight,
            "helm.sh/hook-delete-policy": policy,
        }
        for kind, weight in [
            ("ServiceAccount", "-3"),
            ("Role", "-2"),
            ("RoleBinding", "-1"),
            ("Job", "0"),
        ]
    }


def test_hooks_need_only_the_platform_namespace(render: Render, minimal: dict[str, Any]) -> None:
    """A virtual cluster's namespace that is gone cannot keep a release from being uninstalled.

    Helm makes hooks as the last upgrade rendered them, so no `lookup` could leave one out.
    """
    hooks = [o for o in render(minimal) if "annotations" in o["metadata"]]

    assert {o["metadata"]["namespace"] for o in hooks} == {"vcluster-system"}


def test_the_deregistration_ends(render: Render, minimal: dict[str, Any]) -> None:
    """Its Job outlasts the program, but not the 300 seconds that provider-helm waits."""
    job = _deregistration(render(minimal))

    assert set(job["spec"]) == {"activeDeadlineSeconds", "backoffLimit", "template"}
    assert job["spec"]["backoffLimit"] == 3
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert job["spec"]["activeDeadlineSeconds"] == 285
    assert {"name": "TIMEOUT", "value": "4m"} in _env(job)


def test_labels_of_the_pods(render: Render, minimal: dict[str, Any]) -> None:
    """The platform's policies find the pods by labels that no new version changes."""
    objects = render(minimal)

    for job, command in ((_import(objects), "import"), (_deregistration(objects), "deregister")):
        assert job["spec"]["template"]["metadata"] == {
            "labels": {
                "app.kubernetes.io/name": "vcluster-rancher",
                "app.kubernetes.io/instance": "kunde1-rancher",
                "app.kubernetes.io/component": command,
                "caas.telekom.de/vcluster": "kunde1",
            }
        }


def test_only_the_state_is_looked_up(charts: Path) -> None:
    """No template reads a Secret, so none can end up in the release."""
    text = "".join(path.read_text() for path in sorted((charts / CHART).rglob("templates/*")))

    assert re.findall(r'lookup "[^"]*" "([^"]*)"', text) == ["ConfigMap"]
    assert text.count("lookup") == 1


def _expanded(value: str) -> str:
    """Return what a container gets: `$$` is one `$`, and `$(NAME)` would be a variable's value.

    https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """
    return re.sub(
        r"\$\$|\$\([-._0-9A-Za-z]+\)",
        lambda found: "$" if found[0] == "$$" else "<another variable>",
        value,
    )


def _import(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (job,) = (o for o in _of_kind(objects, "Job") if "-import-" in o["metadata"]["name"])
    return job


def _deregistration(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (job,) = (o for o in _of_kind(objects, "Job") if o["metadata"]["name"].endswith("-deregister"))
    return job


def _env(job: dict[str, Any]) -> list[dict[str, str]]:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    env: list[dict[str, str]] = container["env"]
    return env


def _hash(job: dict[str, Any]) -> str:
    found = re.fullmatch(r".*-import-([0-9a-f]{10})", job["metadata"]["name"])
    assert found
    return found[1]


def _of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [o for o in objects if o["kind"] == kind]


def _key(manifest: dict[str, Any]) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _name(variable: dict[str, str]) -> str:
    return variable["name"]


def _changed(values: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    changed = deepcopy(values)
    *parents, last = path.split(".")
    reduce(dict.__getitem__, parents, changed)[last] = value
    return changed


def test_nothing_is_taken_out_of_rancher_that_was_there_before(
    render: Render, minimal: dict[str, Any]
) -> None:
    """Until it was deployed once, the uninstallation of a failed revision has no hook."""
    found = render({**minimal, "takeover": True})
    assert [one for one in found if "helm.sh/hook" in one["metadata"].get("annotations", {})] == []
    assert "Job" in [one["kind"] for one in render(minimal) if one not in found]
