"""The backups of a virtual cluster: CronJob, Jobs, state, rights and hooks."""

import json
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest

from function.api import names
from tests.support.charts import CONTAINER_SECURITY, POD_SECURITY, RenderChart, pod_of

Objects = list[dict[str, Any]]
Render = Callable[[Mapping[str, object]], Objects]

CHART = "vcluster-backup"
CASES = ["minimal", "everything", "asleep", "rollback"]
FURTHER = {"everything": "restore", "rollback": "prepare"}
"""Further commands of the cases."""

STATE_RIGHTS = [
    {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "resourceNames": ["kunde1-backup"],
        "verbs": ["get", "patch"],
    }
]


@pytest.fixture(scope="session")
def render(render_chart: RenderChart) -> Render:
    """Return a function that turns values into the objects of the chart, hooks included."""
    return lambda values: render_chart(CHART, "kunde1-backup", values)


@pytest.fixture
def minimal(case: Callable[[str, str], dict[str, Any]]) -> dict[str, Any]:
    """Return the least that the chart wants."""
    return case(CHART, "minimal")


@pytest.fixture
def everything(case: Callable[[str, str], dict[str, Any]]) -> dict[str, Any]:
    """Return values that use every feature of the chart, with etcd and a restore."""
    return case(CHART, "everything")


def test_the_cron_job(render: Render, minimal: dict[str, Any]) -> None:
    """A backup is taken when the VCluster says, in its time zone, and never two at a time."""
    (cron_job,) = _of_kind(
        render({**minimal, "timeZone": "Europe/Berlin", "timeout": "90s"}), "CronJob"
    )
    template = cron_job["spec"].pop("jobTemplate")

    assert cron_job["metadata"]["name"] == "kunde1-backup"
    assert cron_job["metadata"]["namespace"] == "vcluster-system"
    assert cron_job["spec"] == {
        "schedule": "0 2 * * *",
        "timeZone": "Europe/Berlin",
        "suspend": False,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 600,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 2,
    }
    assert template["spec"]["activeDeadlineSeconds"] == 90 + 360
    assert template["spec"]["backoffLimit"] == 2


@pytest.mark.parametrize(("timeout", "seconds"), [("30m", 2160), ("1h", 3960), ("900s", 1260)])
def test_a_snapshot_ends(
    render: Render, minimal: dict[str, Any], timeout: str, seconds: int
) -> None:
    """A Job that hangs is ended after the time of one snapshot, and the next one can begin."""
    objects = render({**minimal, "timeout": timeout})
    (cron_job,) = _of_kind(objects, "CronJob")

    assert cron_job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == seconds
    assert _job(objects, "first")["spec"]["activeDeadlineSeconds"] == seconds


@pytest.mark.parametrize("power", ["Sleeping", "Restoring"])
def test_stopped(render: Render, minimal: dict[str, Any], power: str) -> None:
    """Of a virtual cluster that sleeps, or has no data yet, no backup is taken."""
    objects = render({**minimal, "power": power})
    (cron_job,) = _of_kind(objects, "CronJob")

    assert cron_job["spec"]["suspend"] is True
    assert [job["metadata"]["name"] for job in _of_kind(objects, "Job")] == ["kunde1-backup-finish"]
    assert _env(_job(objects, "finish"))["POWER"] == power


def test_one_command_is_a_backup_now(render: Render, minimal: dict[str, Any]) -> None:
    """`kubectl create job --from=cronjob/...` does what the schedule does, without its wait."""
    objects = render(minimal)
    (cron_job,) = _of_kind(objects, "CronJob")
    (container,) = pod_of(cron_job)["containers"]

    assert (container["command"], container["args"]) == (["vcluster-backup"], ["snapshot"])
    [name] = [each for each in container["env"] if "valueFrom" in each]
    assert name == {
        "name": "JOB_NAME",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}},
    }
    assert "FIRST" not in _env(cron_job)


def test_the_first_snapshot(render: Render, minimal: dict[str, Any]) -> None:
    """A new target proves itself at once; Helm replaces a Job whose pods would differ."""
    before, same = (_job(render(deepcopy(minimal)), "first") for _ in range(2))
    others = [
        _job(render({**minimal, **change}), "first")
        for change in (
            {"inputs": "f" * 16},
            {"schedule": "0 3 * * *"},
            {"image": "ghcr.io/example/function-vcluster:0.2.0"},
        )
    ]

    assert before == same
    assert _env(before)["FIRST"] == "true"
    assert len({job["metadata"]["name"] for job in (before, *others)}) == 4


def test_variables(render: Render, everything: dict[str, Any]) -> None:
    """The program gets everything that the values say, and no secret."""
    (cron_job,) = _of_kind(render(everything), "CronJob")

    assert _env(cron_job) == {
        "OWNER_NAME": "kunde1",
        "OWNER_UID": "227fb97b-6cf6-4f79-9ae9-ffb14550d34d",
        "INPUTS": "fedcba9876543210",
        "VCLUSTER_NAMESPACE": "kunde1",
        "VCLUSTER_RELEASE": "kunde1-vcluster",
        "VCLUSTER_CHART": "0.36.1",
        "VCLUSTER_KUBERNETES": "1.36.3",
        "VCLUSTER_AVAILABILITY": "HA",
        "STATE_NAMESPACE": "vcluster-system",
        "STATE_CONFIG_MAP": "kunde1-backup",
        "SCHEDULE": "*/15 6-20 * JAN-NOV MON,WED",
        "TIME_ZONE": "Europe/Berlin",
        "RETENTION_COUNT": "96",
        "RETENTION_DAYS": "7",
        "ON_DELETE": "Snapshot",
        "ON_FAILURE": "Delete",
        "TIMEOUT": "1h",
        "TARGET_NAME": "nightly",
        "S3_BUCKET": "caas-vclusters.eu",
        "S3_ENDPOINT": "https://s3.example.org:9000",
        "S3_REGION": "eu-central-1",
        "S3_PATH_STYLE": "true",
        "S3_PREFIX": "prod/team-a/shop/227fb97b-6cf6-4f79-9ae9-ffb14550d34d",
        "S3_ENCRYPTION": "aws:kms",
        "S3_KMS_KEY_ID": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab",
        "S3_CREDENTIALS_DIR": "/run/secrets/backup",
        "S3_CA_FILE": "/run/secrets/backup-ca/ca.crt",
        "AGE_RECIPIENTS": ",".join(everything["target"]["age"]["recipients"]),
        "RESTORE_PREFIX": "prod/team-a/shop/0b7a4c1e-8c2f-4b57-9a2e-5d1f3c7e9b10",
        "RESTORE_SNAPSHOT": "20260131T020007Z",
    }


def test_the_final_snapshot(render: Render, everything: dict[str, Any]) -> None:
    """The uninstallation waits for it, in tries that end before provider-helm gives up waiting."""
    objects = render(everything)
    job = _job(objects, "finish")
    env = _env(job)

    assert job["metadata"]["annotations"] == {
        "helm.sh/hook": "pre-delete",
        "helm.sh/hook-weight": "0",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
    }
    assert job["spec"]["activeDeadlineSeconds"] == 285
    assert (env["TIMEOUT"], env["DELETE_TIMEOUT"]) == ("4m", "20m")
    assert (env["ON_DELETE"], env["ON_FAILURE"]) == ("Snapshot", "Delete")


def test_hooks_are_in_the_platform_namespace_only(
    render: Render, everything: dict[str, Any]
) -> None:
    """The deletion of a VCluster whose namespace is gone is not held by a hook made in it."""
    hooks = [o for o in render(everything) if "annotations" in o["metadata"]]

    assert sorted(o["kind"] for o in hooks) == ["Job", "Role", "RoleBinding", "ServiceAccount"]
    assert {o["metadata"]["namespace"] for o in hooks} == {"vcluster-system"}


def test_no_restore(render: Render, minimal: dict[str, Any]) -> None:
    """Without a restore none of its rights exist."""
    assert not [o for o in render(minimal) if o["metadata"]["name"].endswith("-restore")]


def test_the_restore(render: Render, everything: dict[str, Any]) -> None:
    """A restore never gives up: the virtual cluster does not start without its data."""
    objects = render(everything)
    job = _job(objects, "restore")

    assert pod_of(job)["containers"][0]["args"] == ["restore"]
    assert job["spec"]["backoffLimit"] == 1000000
    assert "activeDeadlineSeconds" not in job["spec"]


def test_the_preparation_of_a_rollback(
    render: Render, case: Callable[[str, str], dict[str, Any]]
) -> None:
    """It reports a refusal as its result, and has no right but to see the claims beside."""
    objects = render(case(CHART, "rollback"))
    job = _job(objects, "prepare")

    assert pod_of(job)["containers"][0]["args"] == ["prepare"]
    assert job["spec"]["backoffLimit"] == 1000000
    rules = _rules(objects)
    assert rules["vcluster-system", "kunde1-backup-prepare"] == STATE_RIGHTS
    assert rules["kunde1", "kunde1-backup-prepare"] == [
        *rules["kunde1", "kunde1-backup-snapshot"],
        {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["list"]},
    ]


def test_one_step_of_a_rollback_at_a_time(
    render: Render, case: Callable[[str, str], dict[str, Any]]
) -> None:
    """While its data is replaced nothing is prepared; done it is nothing but a note."""
    values = case(CHART, "rollback")
    restore = {"prefix": "a", "snapshot": "20260131T020007Z", "inPlace": True}
    restoring = render({**values, "restore": restore})
    assert "RESTORE_IN_PLACE" in _env(_job(restoring, "restore"))
    assert not [o for o in restoring if "-prepare" in o["metadata"]["name"]]
    done = render({**values, "rollback": {**values["rollback"], "done": True}})
    assert not [o for o in done if "-prepare" in o["metadata"]["name"]]
    (cron_job,) = _of_kind(done, "CronJob")
    assert "ROLLBACK_SNAPSHOT" not in _env(cron_job)


def test_a_rollback_keeps_its_archive(
    render: Render, case: Callable[[str, str], dict[str, Any]]
) -> None:
    """No other Job may remove the archive beyond the retention meanwhile."""
    objects = render(case(CHART, "rollback"))
    owners = [each for each in objects if each["kind"] in ("CronJob", "Job")]
    for owner in owners:
        assert _env(owner)["ROLLBACK_SNAPSHOT"] == "20260131T020007Z"
    assert len(owners) == 3


def test_state_at_first(render: Render, minimal: dict[str, Any]) -> None:
    """The report is there before any Job has run, so that it can be read at once."""
    (state,) = _of_kind(render(minimal), "ConfigMap")

    assert state["metadata"]["name"] == "kunde1-backup"
    assert state["metadata"]["labels"]["caas.telekom.de/state"] == "backup"
    assert state["data"] == {
        "ownerUid": "227fb97b-6cf6-4f79-9ae9-ffb14550d34d",
        "desiredInputs": "0123456789abcdef",
        "report": state["data"]["report"],
    }
    assert json.loads(state["data"]["report"]) == {
        "phase": "Pending",
        "reason": "JobStarting",
        "message": "No backup was taken yet. If this stays, look at the Jobs' pods in namespace "
        "vcluster-system.",
        "last": "",
        "observedInputs": "",
    }


@pytest.mark.parametrize("inputs", ["1234567890123456", "12345678e0123456"])
def test_text_stays_text(render: Render, minimal: dict[str, Any], inputs: str) -> None:
    """A hash or a name that YAML reads as a number or a truth is still that text."""
    minimal["inputs"] = inputs
    minimal["owner"] = {"name": "true", "uid": "1e3"}
    objects = render(minimal)
    (state,) = _of_kind(objects, "ConfigMap")
    env = _env(_job(objects, "first"))

    assert (state["data"]["desiredInputs"], state["data"]["ownerUid"]) == (inputs, "1e3")
    assert {o["metadata"]["labels"]["caas.telekom.de/vcluster"] for o in objects} == {"true"}
    assert (env["INPUTS"], env["OWNER_NAME"], env["OWNER_UID"]) == (inputs, "true", "1e3")


@pytest.mark.parametrize("values", CASES)
def test_pods_are_hardened(
    render: Render, case: Callable[[str, str], dict[str, Any]], values: str
) -> None:
    """Each runs without root, rights and a file system to write to."""
    pods = [pod_of(o) for o in render(case(CHART, values)) if o["kind"] in ("Job", "CronJob")]
    assert pods
    for pod in pods:
        (container,) = pod["containers"]
        assert pod["securityContext"] == POD_SECURITY
        assert container["securityContext"] == CONTAINER_SECURITY
        assert container["resources"] == {
            "requests": {"cpu": "20m", "memory": "96Mi", "ephemeral-storage": "16Mi"},
            "limits": {"cpu": "1", "memory": "256Mi", "ephemeral-storage": "128Mi"},
        }
        assert pod["restartPolicy"] == "Never"
        assert pod["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)
        assert "envFrom" not in container
        assert len({v["name"] for v in container["env"]}) == len(container["env"])


def test_credentials_are_mounted(render: Render, everything: dict[str, Any]) -> None:
    """Credentials are files that the program's group reads, and nothing else of their Secret is."""
    objects = [o for o in render(everything) if o["kind"] in ("Job", "CronJob")]
    for pod in [pod_of(o) for o in objects if "-restore-" not in o["metadata"]["name"]]:
        assert pod["volumes"] == [
            {
                "name": "backup",
                "secret": {
                    "secretName": "backup-s3",
                    "items": [
                        {"key": key, "path": key}
                        for key in ("accessKeyId", "secretAccessKey", "sessionToken")
                    ],
                    "defaultMode": 0o440,
                    "optional": True,
                },
            },
            {
                "name": "backup-ca",
                "secret": {
                    "secretName": "backup-s3-ca",
                    "items": [{"key": "root.pem", "path": "ca.crt"}],
                    "defaultMode": 0o440,
                    "optional": True,
                },
            },
            {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}},
        ]
        assert [m["mountPath"] for m in pod["containers"][0]["volumeMounts"]] == [
            "/run/secrets/backup",
            "/run/secrets/backup-ca",
            "/tmp",  # noqa: S108 -- a folder of its own
        ]
        assert pod["imagePullSecrets"] == [{"name": "registry"}, {"name": "mirror"}]


@pytest.mark.parametrize("values", FURTHER)
def test_only_a_restore_has_the_identity(
    render: Render,
    everything: dict[str, Any],
    case: Callable[[str, str], dict[str, Any]],
    values: str,
) -> None:
    """The Secret that decrypts archives is in the pod that reads one for a restore, no other."""
    chosen = case(CHART, values)
    chosen["target"]["age"] = everything["target"]["age"]
    objects = render(chosen)
    volume = {
        "name": "backup-identity",
        "secret": {
            "secretName": "backup-age",
            "items": [{"key": "keys.txt", "path": "identity"}],
            "defaultMode": 0o440,
            "optional": True,
        },
    }
    mount = {
        "name": "backup-identity",
        "mountPath": "/run/secrets/backup-identity",
        "readOnly": True,
    }
    with_identity = [o for o in objects if "backup-age" in json.dumps(o)]
    assert with_identity == [_job(objects, FURTHER[values])]
    pod = pod_of(with_identity[0])
    assert volume in pod["volumes"]
    assert mount in pod["containers"][0]["volumeMounts"]
    assert _env(with_identity[0])["AGE_IDENTITY_FILE"] == "/run/secrets/backup-identity/identity"


def test_recipients_without_an_identity(render: Render, everything: dict[str, Any]) -> None:
    """Backups are encrypted where nothing on the host can decrypt them."""
    everything["target"]["age"]["identitySecret"] = {}
    objects = render(everything)
    assert "AGE_RECIPIENTS" in _env(_job(objects, "finish"))
    assert "backup-identity" not in json.dumps(objects)


def test_names_of_the_longest_vcluster(render: Render, minimal: dict[str, Any]) -> None:
    """The longest name that the function takes still makes a CronJob and Jobs."""
    derived = names.derive("a" * names.LONGEST, "", "vcluster-system")
    request = {"snapshot": "20260131T020007Z", "loseNewer": True, "request": "7", "done": False}
    everywhere = {**minimal, "rollback": request}
    objects = render({**everywhere, "stateConfigMap": f"{derived.namespace}-backup"})
    longest = render({**everywhere, "stateConfigMap": "a" * 52})

    assert re.fullmatch(
        "a{38}-backu-first-[0-9a-f]{10}", _job(objects, "first")["metadata"]["name"]
    )
    assert max(len(job["metadata"]["name"]) for job in _of_kind(longest, "Job")) == 63
    assert [len(each["metadata"]["name"]) for each in _of_kind(longest, "CronJob")] == [52]


def test_rights(render: Render, minimal: dict[str, Any]) -> None:
    """Exactly these rights for a Single one, by name wherever a name can be a condition."""
    request = [
        {"apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": ["create"]},
        {
            "apiGroups": [""],
            "resources": ["secrets", "configmaps"],
            "resourceNames": ["kunde1-vcluster-backup"],
            "verbs": ["get", "patch", "delete"],
        },
        _rule("statefulsets", "kunde1-vcluster", "get"),
    ]
    objects = render(minimal)

    assert _rules(objects) == {
        ("vcluster-system", "kunde1-backup-snapshot"): STATE_RIGHTS,
        ("vcluster-system", "kunde1-backup-finish"): [
            *STATE_RIGHTS,
            {
                "apiGroups": [""],
                "resources": ["configmaps"],
                "resourceNames": ["vcluster-abandoned"],
                "verbs": ["patch"],
            },
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
        ],
        ("kunde1", "kunde1-backup-snapshot"): request,
        ("kunde1", "kunde1-backup-finish"): [
            *request,
            _rule("statefulsets/scale", "kunde1-vcluster", "patch"),
        ],
    }
    assert not [o for o in objects if o["kind"].startswith("Cluster")]


def test_rights_of_ha(render: Render, everything: dict[str, Any]) -> None:
    """With etcd the workload is a Deployment; what an ended restore left is removed too."""
    rules = _rules(render(everything))
    look = _rule("deployments", "kunde1-vcluster", "get")

    assert rules["kunde1", "kunde1-backup-snapshot"][2:] == [look]
    assert rules["kunde1", "kunde1-backup-finish"][2:] == [
        look,
        _rule("deployments/scale", "kunde1-vcluster", "patch"),
        _rule("statefulsets/scale", "kunde1-vcluster-etcd", "patch"),
        {
            "apiGroups": [""],
            "resources": ["pods", "secrets"],
            "resourceNames": ["kunde1-vcluster-restore"],
            "verbs": ["delete"],
        },
    ]


@pytest.mark.parametrize("availability", ["Single", "HA"])
def test_rights_of_the_restore(
    render: Render, everything: dict[str, Any], availability: str
) -> None:
    """The restore makes one pod with its Secret, and a claim or looks at the etcd it restores."""
    everything["vcluster"]["availability"] = availability
    rules = _rules(render(everything))["kunde1", "kunde1-backup-restore"]

    assert rules[:4] == [
        {"apiGroups": [""], "resources": ["secrets", "pods"], "verbs": ["create"]},
        _rule("secrets", "kunde1-vcluster-restore", "patch", "delete"),
        _rule("pods", "kunde1-vcluster-restore", "get", "delete"),
        _rule("pods/log", "kunde1-vcluster-restore", "get"),
    ]
    assert rules[4:] == (
        [
            _rule("statefulsets", "kunde1-vcluster-etcd", "get"),
            _rule("deployments", "kunde1-vcluster", "get"),
        ]
        if availability == "HA"
        else [
            {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["create"]},
            _rule("persistentvolumeclaims", "data-kunde1-vcluster-0", "get"),
            _rule("statefulsets", "kunde1-vcluster", "get"),
        ]
    )


def test_rights_of_a_restore_in_place(
    render: Render, case: Callable[[str, str], dict[str, Any]]
) -> None:
    """It sees the claims beside, which may be newer than the archive; a new VCluster has none."""
    values = case(CHART, "rollback")
    restore = {"prefix": "a", "snapshot": "20260131T020007Z"}
    new, place = (
        _rules(render({**values, "restore": {**restore, **more}}))[
            "kunde1", "kunde1-backup-restore"
        ]
        for more in ({}, {"inPlace": True})
    )
    listing = {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["list"]}
    assert [rule for rule in place if rule not in new] == [listing]


@pytest.mark.parametrize("values", CASES)
def test_each_account_has_its_own_rights(
    render: Render, case: Callable[[str, str], dict[str, Any]], values: str
) -> None:
    """Each command has an account of its own, with one role in each of two namespaces."""
    objects = render(case(CHART, values))
    commands = ["finish", "snapshot", *filter(None, [FURTHER.get(values)])]
    accounts = [f"kunde1-backup-{command}" for command in commands]

    assert {
        (o["metadata"]["name"], o["automountServiceAccountToken"])
        for o in _of_kind(objects, "ServiceAccount")
    } == {(account, False) for account in accounts}
    assert {
        (*_key(o), o["roleRef"]["name"], o["subjects"][0]["name"], o["subjects"][0]["namespace"])
        for o in _of_kind(objects, "RoleBinding")
    } == {
        (namespace, account, account, account, "vcluster-system")
        for namespace in ("kunde1", "vcluster-system")
        for account in accounts
    }


@pytest.mark.parametrize("values", CASES)
def test_only_rights_are_outside_of_the_platform(
    render: Render, case: Callable[[str, str], dict[str, Any]], values: str
) -> None:
    """Nothing lies where the virtual cluster is, but rights there; and no Secret anywhere."""
    objects = render(case(CHART, values))

    assert {o["kind"] for o in objects if o["metadata"]["namespace"] == "kunde1"} == {
        "Role",
        "RoleBinding",
    }
    assert not {"Secret", "NetworkPolicy"} & {o["kind"] for o in objects}


def _rule(resource: str, name: str, *verbs: str) -> dict[str, Any]:
    return {
        "apiGroups": ["apps" if resource.startswith(("statefulset", "deployment")) else ""],
        "resources": [resource],
        "resourceNames": [name],
        "verbs": [*verbs],
    }


def _rules(objects: Objects) -> dict[tuple[str, str], list[dict[str, Any]]]:
    return {_key(role): role["rules"] for role in _of_kind(objects, "Role")}


def _key(manifest: Mapping[str, Any]) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _of_kind(objects: Objects, kind: str) -> Objects:
    return [each for each in objects if each["kind"] == kind]


def _job(objects: Objects, word: str) -> dict[str, Any]:
    (job,) = [o for o in _of_kind(objects, "Job") if f"-{word}" in o["metadata"]["name"]]
    return job


def _env(owner: Mapping[str, Any]) -> dict[str, str]:
    (container,) = pod_of(owner)["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}
