"""The access to a virtual cluster: Job, CronJob, state and rights."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from function.api import names
from tests.support.charts import CONTAINER_SECURITY, POD_SECURITY, RenderChart, pod_of

Objects = list[dict[str, Any]]
Render = Callable[[Mapping[str, object]], Objects]

CHART = "vcluster-access"
CASES = ["minimal", "everything", "asleep"]


@pytest.fixture(scope="session")
def render(render_chart: RenderChart) -> Render:
    """Return a function that turns values into the objects of the chart."""
    return lambda values: render_chart(CHART, "kunde1-access", values)


@pytest.fixture
def minimal(case: Callable[[str, str], dict[str, Any]]) -> dict[str, Any]:
    """Return the least that the chart wants."""
    return case(CHART, "minimal")


@pytest.fixture
def everything(case: Callable[[str, str], dict[str, Any]]) -> dict[str, Any]:
    """Return values that use every feature of the chart."""
    return case(CHART, "everything")


def test_variables(render: Render, everything: dict[str, Any]) -> None:
    """The program gets everything that the values say; a $ in a name stays one."""
    env = _env(_one(render(everything), "Job"))

    bindings, issuers = (json.loads(env.pop(name)) for name in ("BINDINGS", "LOGIN_ISSUERS"))
    assert env == {
        "INPUTS": "fedcba9876543210",
        "STATE_NAMESPACE": "vcluster-system",
        "STATE_CONFIG_MAP": "kunde1-access",
        "KUBECONFIG_NAMESPACE": "kunde1",
        "KUBECONFIG_SECRET": "vc-kunde1-vcluster",
        "KUBECONFIG_KEY": "kubeconfig",
        "KUBECONFIG_SERVER": "https://kunde1-vcluster.kunde1.svc:443",
        "LOGIN_SECRET": "kunde1-vcluster-login",
        "LOGIN_CONTEXT": "kunde1",
        "LOGIN_SERVER": "https://kunde1.example.org:443",
        "ROTATE": "2",
        "RELEASE": "kunde1-vcluster",
        "TIMEOUT": "5m",
    }
    everything["bindings"][1]["name"] = "corp:anna$$(ROTATE)@example.org"
    assert bindings == everything["bindings"]
    assert issuers == everything["kubeconfig"]["issuers"]


def test_the_job(render: Render, minimal: dict[str, Any]) -> None:
    """Any change runs it again; Helm replaces a Job whose pods would differ. It never gives up."""
    before, same = (_one(render(deepcopy(minimal)), "Job") for _ in range(2))
    binding = {"kind": "Group", "name": "corp:a", "clusterRole": "view"}
    others = [
        _one(render({**minimal, **change}), "Job")
        for change in (
            {"inputs": "f" * 16},
            {"bindings": [binding]},
            {"rotate": 1},
            {"image": "ghcr.io/example/function-vcluster:0.2.0"},
        )
    ]

    assert before == same
    assert before["spec"]["backoffLimit"] == 1000000
    assert pod_of(before)["restartPolicy"] == "OnFailure"
    assert len({job["metadata"]["name"] for job in (before, *others)}) == 5


def test_the_cron_job(render: Render, minimal: dict[str, Any]) -> None:
    """The same runs daily, at a time of its own for each VCluster."""
    objects = render(minimal)
    cron_job = _one(objects, "CronJob")
    template = cron_job["spec"].pop("jobTemplate")["spec"]

    assert cron_job["metadata"]["name"] == "kunde1-access"
    assert cron_job["spec"] == {
        "schedule": "45 20 * * *",
        "timeZone": "Etc/UTC",
        "suspend": False,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 3600,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 1,
    }
    assert template == _one(objects, "Job")["spec"]
    other = {**minimal["owner"], "uid": "0c9ab3a7-53de-4c3f-9ec4-cc0c7a0d1e35"}
    schedule = _one(render({**minimal, "owner": other}), "CronJob")["spec"]["schedule"]
    assert re.fullmatch(r"\d{1,2} \d{1,2} \* \* \*", schedule)
    assert schedule != "45 20 * * *"


def test_asleep(render: Render, minimal: dict[str, Any]) -> None:
    """Of a virtual cluster that sleeps no Job waits."""
    objects = render({**minimal, "power": "Sleeping"})

    assert _one(objects, "CronJob")["spec"]["suspend"] is True
    assert not [o for o in objects if o["kind"] == "Job"]


def test_state_at_first(render: Render, minimal: dict[str, Any]) -> None:
    """The report is there before any Job has run, so that it can be read at once."""
    state = _one(render(minimal), "ConfigMap")

    assert state["metadata"]["name"] == "kunde1-access"
    assert state["metadata"]["labels"]["caas.telekom.de/state"] == "access"
    report = json.loads(state["data"].pop("report"))
    assert state["data"] == {
        "ownerUid": "227fb97b-6cf6-4f79-9ae9-ffb14550d34d",
        "desiredInputs": "0123456789abcdef",
    }
    assert report == {
        "phase": "Pending",
        "reason": "JobStarting",
        "message": "The Job that makes the rights has not begun. If this stays, look at its pods "
        "in namespace vcluster-system.",
        "observedInputs": "",
    }


@pytest.mark.parametrize("inputs", ["1234567890123456", "12345678e0123456"])
def test_text_stays_text(render: Render, minimal: dict[str, Any], inputs: str) -> None:
    """A hash or a name that YAML reads as a number or a truth is still that text."""
    minimal["inputs"] = inputs
    minimal["owner"] = {"name": "true", "uid": "1e3"}
    minimal["bindings"] = [{"kind": "User", "name": "1e3", "clusterRole": "view"}]
    objects = render(minimal)
    state, env = _one(objects, "ConfigMap"), _env(_one(objects, "Job"))

    assert (state["data"]["desiredInputs"], state["data"]["ownerUid"]) == (inputs, "1e3")
    assert {o["metadata"]["labels"]["caas.telekom.de/vcluster"] for o in objects} == {"true"}
    assert env["INPUTS"] == inputs
    assert json.loads(env["BINDINGS"])[0]["name"] == "1e3"


@pytest.mark.parametrize("values", CASES)
def test_pods_are_hardened(
    render: Render, case: Callable[[str, str], dict[str, Any]], values: str
) -> None:
    """Each runs without root, rights, a Secret and a file system to write to."""
    pods = [pod_of(o) for o in render(case(CHART, values)) if o["kind"] in ("Job", "CronJob")]
    assert pods
    for pod in pods:
        (container,) = pod["containers"]
        assert (container["command"], container["args"]) == (["vcluster-access"], ["apply"])
        assert pod["securityContext"] == POD_SECURITY
        assert container["securityContext"] == CONTAINER_SECURITY
        assert container["resources"] == {
            "requests": {"cpu": "20m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
            "limits": {"cpu": "200m", "memory": "160Mi", "ephemeral-storage": "128Mi"},
        }
        assert pod["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)
        assert pod["volumes"] == [
            {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}}
        ]
        assert "envFrom" not in container
        assert len({v["name"] for v in container["env"]}) == len(container["env"])


def test_rights(render: Render, minimal: dict[str, Any]) -> None:
    """Exactly these, by name wherever a name can be a condition, and none on the whole cluster."""
    objects = render(minimal)

    assert {_key(o): o["rules"] for o in objects if o["kind"] == "Role"} == {
        ("vcluster-system", "kunde1-access-apply"): [
            _rule("configmaps", "kunde1-access", "get", "patch")
        ],
        ("kunde1", "kunde1-access-apply"): [
            _rule("secrets", "vc-kunde1-vcluster", "get"),
            _rule("secrets", "kunde1-vcluster-login", "get", "patch", "delete"),
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        ],
    }
    bindings = [o for o in objects if o["kind"] == "RoleBinding"]
    assert {(_key(o)[0], o["roleRef"]["name"]) for o in bindings} == {
        ("vcluster-system", "kunde1-access-apply"),
        ("kunde1", "kunde1-access-apply"),
    }
    account = {
        "kind": "ServiceAccount",
        "name": "kunde1-access-apply",
        "namespace": "vcluster-system",
    }
    assert [o["subjects"] for o in bindings] == [[account]] * 2
    assert _one(objects, "ServiceAccount")["automountServiceAccountToken"] is False
    assert not [o for o in objects if o["kind"].startswith("Cluster")]


@pytest.mark.parametrize("values", CASES)
def test_only_rights_are_outside_of_the_platform(
    render: Render, case: Callable[[str, str], dict[str, Any]], values: str
) -> None:
    """Nothing lies where the virtual cluster is, but rights there; and no Secret anywhere."""
    objects = render(case(CHART, values))

    outside = {o["kind"] for o in objects if o["metadata"]["namespace"] == "kunde1"}
    assert outside == {"Role", "RoleBinding"}
    assert "Secret" not in {o["kind"] for o in objects}


def test_names_of_the_longest_vcluster(render: Render, minimal: dict[str, Any]) -> None:
    """The longest name that the function takes still makes a CronJob and a Job."""
    derived = names.derive("a" * names.LONGEST, "", "vcluster-system")
    longest = f"{derived.namespace}-access"
    for name in (longest, "a" * 52):
        objects = render({**minimal, "stateConfigMap": name})
        assert _one(objects, "CronJob")["metadata"]["name"] == name
        assert len(_one(objects, "Job")["metadata"]["name"]) <= 63


@pytest.mark.parametrize(
    ("count", "is_accepted"), [(250, True), (256, False)], ids=["accepted", "refused"]
)
def test_variables_that_no_program_is_started_with(
    run_helm: Callable[..., subprocess.CompletedProcess[str]],
    charts: Path,
    minimal: dict[str, Any],
    count: int,
    *,
    is_accepted: bool,
) -> None:
    """Linux refuses a variable of more than 128 KiB; the chart refuses it before, by its field."""
    role = "r" * (140 if is_accepted else 253)
    minimal["bindings"] = [
        {"kind": "User", "name": f"{number:0200}", "clusterRole": role} for number in range(count)
    ]
    done = run_helm("template", "kunde1", charts / CHART, values=minimal)
    assert (done.returncode == 0) is is_accepted, done.stderr
    assert ("bindings: longer than 100000 bytes" in done.stderr) is not is_accepted


def _rule(resource: str, name: str, *verbs: str) -> dict[str, Any]:
    return {
        "apiGroups": [""],
        "resources": [resource],
        "resourceNames": [name],
        "verbs": [*verbs],
    }


def _key(manifest: Mapping[str, Any]) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _one(objects: Objects, kind: str) -> dict[str, Any]:
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


def _env(owner: Mapping[str, Any]) -> dict[str, str]:
    (container,) = pod_of(owner)["containers"]
    return {each["name"]: each["value"] for each in container["env"]}
