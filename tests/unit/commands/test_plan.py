"""`function plan`: what would happen, in which order, and what is refused."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from dev.scripts import life
from function import protobuf
from function.api import xr
from function.commands.plan import diff, dry_run, report, requests
from function.commands.plan.diff import ABSENT, Difference
from function.commands.plan.dry_run import Change, DryRun
from function.main import main
from function.observed.state import Condition
from tests.repository.test_docs_airgap import shell
from tests.support.factories import changed
from tests.support.tools import ROOT

PAGE = (ROOT / "docs" / "plan.md").read_text()
SECRET = "s3cr3t"  # what must not show
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def observed(example: str, state: str = "ready") -> list[dict[str, Any]]:
    """Return what exists of an example."""
    return [each for found in life.observed(example, state) for each in found]


def plan(
    example: str, state: str = "ready", platform: Mapping[str, Any] | None = None, **spec: Any
) -> DryRun:
    """Return the plan of an example with this spec."""
    composite = life.composite(example)
    composite["spec"] = {**composite["spec"], **spec}
    given = changed(life.platform_input(), platform or {})
    (request,) = requests.build_requests([composite], observed(example, state), given)
    return dry_run.plan(request)


def told(found: DryRun) -> list[list[tuple[str, str, tuple[str, str], list[str]]]]:
    """Return what a plan changes, without the values."""
    return [
        [(c.key, c.action, c.chart, [each.path for each in c.values]) for c in step]
        for step in found.steps
    ]


CREATED = {
    "limits": [["namespace"], ["vcluster"]],
    "retained": [["namespace"], ["vcluster"], ["rancher"]],
    "backup": [["namespace"], ["vcluster", "rancher", "backup"]],
    "restored": [["namespace"], ["vcluster", "backup"]],
    "login": [["namespace"], ["vcluster", "rancher"], ["access"]],
}
"""Steps of the examples without an import, or with a restored cluster, which is deployed first."""

CHANGED = {
    # What is restored is kept by all means only until it was deployed once.
    "retained": ["namespace", "rancher"],
    # A new one runs once before it sleeps.
    "asleep": ["vcluster", "rancher", "namespace"],
    # A deletion makes a final backup from the first report on.
    "backup": ["backup"],
    # Its control plane starts once the data is there.
    "restored": ["vcluster", "backup"],
}
"""Releases of the examples that change after their creation."""
"""What comes up, step by step."""

TAG = "controlPlane.distro.k8s.image.tag"


SANS = ["kunde1-vcluster.kunde1.svc", "kunde1-vcluster.kunde1.svc.cluster.local"]


def test_a_node_port() -> None:
    """The plan shows the room in the quota first, then type and port of the Service."""
    ports = {"address": "192.0.2.7", "from": 30400, "to": 30499}
    platform = {"hosts.local.nodePorts": ports, "tenant.exposeTypes": ["ClusterIP", "NodePort"]}
    found = plan("kunde1", platform=platform, expose={"type": "NodePort", "port": 30443})
    assert not found.is_refused
    changes = [
        (change.key, each.path, each.before, each.after)
        for step in found.steps
        for change in step
        for each in change.values
    ]
    assert changes == [
        ("namespace", "kubeconfig.secret", "vc-kunde1-vcluster", "vc-kunde1-vcluster-external"),
        ("namespace", "quota.services.nodeports", "0", "1"),
        ("vcluster", "controlPlane.proxy.extraSANs", SANS, [*SANS, "192.0.2.7"]),
        ("vcluster", "controlPlane.service.httpsNodePort", ABSENT, 30443),
        ("vcluster", "controlPlane.service.spec.type", "ClusterIP", "NodePort"),
        (
            "vcluster",
            "exportKubeConfig.additionalSecrets",
            ABSENT,
            [
                {
                    "name": "vc-kunde1-vcluster-external",
                    "context": "kunde1",
                    "server": "https://192.0.2.7:30443",
                }
            ],
        ),
    ]


def test_what_sleep_stops() -> None:
    """Who puts a cluster to sleep, or wakes it up, reads what happens to what runs."""
    effects = [change.effect for step in plan("kunde1", power="Sleeping").steps for change in step]
    assert [effect for effect in effects if "rights of the namespace" not in effect] == [
        (
            "falls asleep: the API and all pods stop; what runs without a controller, Jobs that "
            "are under way and the contents of emptyDir are lost; volumes, Services and Secrets "
            "stay"
        ),
        "the cluster stays in Rancher; nothing restarts",
        "the pods that are left on the host are removed",
    ]
    woken = [change.effect for step in plan("asleep", power="Running").steps for change in step]
    assert "wakes up: the control plane starts, and what has a controller starts again" in woken
    changed = [change for step in plan("asleep", plan="large").steps for change in step]
    (effect,) = {change.effect for change in changed if change.key == "vcluster"}
    assert effect == "asleep: it is applied, and takes effect on waking"


@pytest.mark.parametrize(
    ("spec", "platform", "expected"),
    [
        pytest.param(
            {"backup": {"schedule": "5 1 * * *"}},
            {},
            [
                (
                    "change",
                    ["retention.count", "retention.days", "schedule", "timeZone"],
                    "the next backup is made by the new settings; nothing restarts",
                )
            ],
            id="schedule",
        ),
        pytest.param(
            {},
            {"backup.targets.nightly.s3.bucket": "moved"},
            [
                (
                    "change",
                    ["inputs", "target.bucket"],
                    (
                        "a first backup is made in the new place; those in the former one stay "
                        "there, and none is removed there any more"
                    ),
                )
            ],
            id="bucket",
        ),
        pytest.param(
            {},
            {"backup.targets.nightly.s3.age": {"recipients": [RECIPIENT]}},
            [
                (
                    "change",
                    [
                        "inputs",
                        "target.age",
                        "target.age.identitySecret",
                        "target.age.recipients",
                    ],
                    (
                        "a first backup is made for the new recipients; those of before stay as "
                        "they are until the retention removes them"
                    ),
                )
            ],
            id="recipients",
        ),
        pytest.param(
            {"backup": None},
            {},
            [
                ("change", ["onDelete"], "from then on a deletion makes no final backup"),
                ("delete", [], "no more backups are made; those in the target stay there"),
            ],
            id="without-backups",
        ),
        pytest.param(
            {"power": "Sleeping"},
            {},
            [("change", ["power"], "no backup is made while it is asleep")],
            id="asleep",
        ),
    ],
)
def test_backups(spec: dict[str, Any], platform: dict[str, Any], expected: list[Any]) -> None:
    """A plan says what becomes of the backups that are there, and of the next one."""
    found = [
        (change.action, [each.path for each in change.values], change.effect)
        for step in plan("backup", platform=platform, **spec).steps
        for change in step
        if change.key == "backup"
    ]
    assert found == expected


PEOPLE = {"oidc": [{"issuer": "corp", "admins": ["group:other"]}]}


@pytest.mark.parametrize(
    ("example", "access", "expected"),
    [
        pytest.param(
            "login",
            PEOPLE,
            [
                (
                    "namespace",
                    (
                        "the API server reads its issuers anew within a minute: who was taken out "
                        "gets 401; nothing restarts"
                    ),
                ),
                (
                    "access",
                    ("the rights of people inside and their kubeconfig follow; nothing restarts"),
                ),
            ],
            id="people",
        ),
        pytest.param(
            "login",
            {**life.composite("login")["spec"]["access"], "rotate": 1},
            [
                (
                    "access",
                    (
                        "CA and certificates are made anew and the control plane restarts; all "
                        "earlier kubeconfigs with a certificate end"
                    ),
                ),
            ],
            id="rotation",
        ),
        pytest.param(
            "login",
            None,
            [
                (
                    "namespace",
                    (
                        "the API server reads its issuers anew within a minute: who was taken out "
                        "gets 401; nothing restarts"
                    ),
                ),
                (
                    "access",
                    ("the rights of people inside and their kubeconfig follow; nothing restarts"),
                ),
                ("access", "no rights of people are left inside"),
            ],
            id="without-login",
        ),
    ],
)
def test_login(example: str, access: Any, expected: list[tuple[str, str]]) -> None:
    """A plan says what becomes of people, and what restarts."""
    found = plan(example, access=access)
    assert [(change.key, change.effect) for step in found.steps for change in step] == expected


def test_a_restore_is_for_new_ones() -> None:
    """An existing VCluster keeps what it has; a new one starts with the data of the backup."""
    restore = {"restoreFrom": {"vcluster": "1cbfb5e6-3f7c-4a46-9a12-2d5c0f3c7b11"}}
    found = plan("backup", backup={**life.composite("backup")["spec"]["backup"], **restore})
    assert found.steps == ()
    assert found.accepted.message == (
        "spec.backup.restoreFrom: stays unset instead of 1cbfb5e6-3f7c-4a46-9a12-2d5c0f3c7b11/"
        "latest: a backup is restored before there is a virtual cluster. Take this field back."
    )
    effects = [change.effect for step in plan("restored", "nothing").steps for change in step]
    assert effects[-2:] == [
        "the control plane starts, with the data of the backup",
        "from then on a deletion makes a final backup",
    ]


@pytest.mark.parametrize("example", life.names())
def test_what_is_ready_stays(example: str) -> None:
    """An unchanged VCluster has an empty plan, and a new one comes up in its order."""
    found = plan(example)
    metadata = life.composite(example)["metadata"]
    assert (found.vcluster, found.namespace) == (metadata["name"], metadata.get("namespace", ""))
    assert found.accepted == Condition("Accepted", "True", "Accepted")
    assert (found.steps, found.fatal) == ((), "")
    assert [condition.reason for condition in found.unmet] == []
    steps = [[(c.key, c.action) for c in step] for step in plan(example, "nothing").steps]
    created = [[key for key, action in step if action == "create"] for step in steps]
    together = [["namespace"], ["vcluster", "rancher"]]
    assert [keys for keys in created if keys] == CREATED.get(example, together)
    changed = [key for step in steps for key, action in step if action != "create"]
    assert changed == CHANGED.get(example, [])


@pytest.mark.parametrize(
    ("spec", "platform", "expected"),
    [
        pytest.param(
            {"quota": {"pods": 20}},
            {},
            [[("namespace", "change", ("0.1.0", "0.1.0"), ["quota.pods"])]],
            id="quota",
        ),
        pytest.param(
            {"kubernetesVersion": "1.36"},
            {},
            [[("vcluster", "change", ("0.36.1", "0.36.1"), [TAG])]],
            id="kubernetes",
        ),
        pytest.param(
            {"kubernetesVersion": "1.36"},
            {
                "vcluster.chart.versions": ["0.36.1", "0.37.0", "0.38.0"],
                "vcluster.kubernetes.compatibility": {"0.37": ["1.35", "1.36"], "0.38": ["1.36"]},
            },
            [
                [("vcluster", "change", ("0.36.1", "0.37.0"), [])],
                [("vcluster", "change", ("0.37.0", "0.37.0"), [TAG])],
                [("vcluster", "change", ("0.37.0", "0.38.0"), [])],
            ],
            id="chart-and-kubernetes-in-turn",
        ),
        pytest.param(
            {"rancher": {"enabled": False}},
            {},
            [
                [
                    (
                        "namespace",
                        "change",
                        ("0.1.0", "0.1.0"),
                        [
                            "networkPolicy.egress",
                            "quota.limits.cpu",
                            "quota.limits.memory",
                            "quota.pods",
                            "quota.requests.cpu",
                            "quota.requests.memory",
                            "quota.services",
                        ],
                    ),
                    ("rancher", "delete", ("0.1.0", ""), []),
                ]
            ],
            id="out-of-rancher",
        ),
    ],
)
def test_the_order(
    spec: dict[str, Any], platform: dict[str, Any], expected: list[list[Any]]
) -> None:
    """What changes together stands together, what waits stands below."""
    found = plan("kunde1", platform=platform, **spec)
    assert told(found) == expected
    assert not found.is_refused
    assert found.unmet == ()


def test_a_stamp_that_comes_alone_is_planned() -> None:
    """A control plane without a stamp restarts once, and the plan shows the reason."""
    exists = observed("kunde1")
    for each in exists:
        values = each.get("spec", {}).get("forProvider", {}).get("values", {})
        values.get("controlPlane", {}).get("statefulSet", {}).pop("annotations", None)
    composite = life.composite("kunde1")
    (request,) = requests.build_requests([composite], exists, life.platform_input())
    stamp = "controlPlane.statefulSet.annotations.caas.telekom.de/installed"
    assert told(dry_run.plan(request)) == [
        [("vcluster", "change", ("0.36.1", "0.36.1"), [stamp])],
    ]


def test_nulls_are_taken_out_as_by_the_api_server() -> None:
    """`plan:` with nothing behind it is a null: kubectl apply takes it for left out."""
    nulls = {
        "plan": None,
        "quota": None,
        "storage": {"size": None},
        "rancher": {"owners": [{"group": "github_team://1", "role": None}]},
        "values": {"sync": {"toHost": None}},
    }
    assert requests.pruned(nulls, xr.Spec) == {
        "storage": {},
        "rancher": {"owners": [{"group": "github_team://1"}]},
        "values": {"sync": {"toHost": None}},
    }
    composite = {**life.composite("kunde1"), "spec": {"plan": None, "quota": None}}
    (request,) = requests.build_requests([composite], (), life.platform_input())
    assert not dry_run.plan(request).is_refused


def test_a_file_without_a_spec() -> None:
    """The API server refuses it, so the plan does."""
    composite = life.composite("kunde1")
    del composite["spec"]
    (request,) = requests.build_requests([composite], (), life.platform_input())
    found = dry_run.plan(request)
    assert found.fatal == "spec: is required. Write spec: {} for the platform's defaults."
    assert found.accepted.reason == "InvalidSpec"


def test_refused_in_part() -> None:
    """What is refused is told, and the rest is planned."""
    found = plan("kunde1", availability="HA", quota={"pods": 20})
    assert found.is_refused
    assert found.accepted.reason == "ChangeRefused"
    assert told(found) == [[("namespace", "change", ("0.1.0", "0.1.0"), ["quota.pods"])]]


def test_refused_as_a_whole() -> None:
    """The spec of a new VCluster that Crossplane would not compose has no steps."""
    found = plan("kunde1", "nothing", quota={"pods": 5000})
    assert found.fatal.startswith("spec.quota.pods: must be at most 50.")
    assert found.steps == ()
    assert found.is_refused


def test_what_stays_open_at_the_end() -> None:
    """A cluster that is held back is told, although nothing is wrong."""
    found = plan(
        "kunde1",
        platform={"tenant.upgrade": "Choice", "vcluster.chart.versions": ["0.36.1", "0.37.0"]},
        upgrade={"policy": "Manual"},
    )
    assert found.steps == ()
    assert [(c.type, c.reason) for c in found.unmet] == [("Upgraded", "Held")]


def test_a_plan_is_what_happens() -> None:
    """The function composes at the end what the last step shows, and is content with it."""
    for example in life.names():
        decoded = protobuf.decode(life.request(example, "nothing"))
        unmet = [condition.reason for condition in dry_run.plan(decoded).unmet]
        assert unmet == []


def test_differences() -> None:
    """Values are compared path by path, lists as a whole; null is a value."""
    before = {"a": {"b": 1, "c": [1]}, "d": None, "e": {}}
    after = {"a": {"b": 2, "c": [1]}, "e": {"f": None}}
    assert diff.differences(before, after) == (
        Difference("a.b", 1, 2),
        Difference("d", None, ABSENT),
        Difference("e", {}, ABSENT),
        Difference("e.f", ABSENT, None),
    )


CHANGE = Change(
    "vcluster",
    "vcluster-system/kunde1-vcluster",
    "change",
    ("0.35.3", "0.36.1"),
    (
        Difference("controlPlane.statefulSet.env", [{"value": SECRET}], [{"value": "x"}]),
        Difference("controlPlane.statefulSet.resources.limits.cpu", "1", "2"),
        Difference("experimental.deploy", ABSENT, SECRET),
        Difference("telemetry.enabled", after=False),
        Difference("x", 1, ABSENT),
    ),
    "it restarts",
)
PLANS = [
    DryRun("one", "", Condition("Accepted", "True", "Accepted"), ((CHANGE,),)),
    DryRun("two", "team-a", Condition("Accepted", "False", "InvalidSpec"), fatal="spec.x: is bad."),
    DryRun(
        "three",
        "",
        Condition("Accepted", "True", "Accepted"),
        unmet=(Condition("Upgraded", "False", "Held", "Chart 0.37.0 is on offer."),),
    ),
]


def test_text() -> None:
    """For people; what may be secret is not shown."""
    assert [*report.text(PLANS, show=False)] == [
        "one:",
        "  1. change Release vcluster-system/kunde1-vcluster, chart 0.35.3 -> 0.36.1",
        "     it restarts",
        "     ~ controlPlane.statefulSet.env: (not shown) -> (not shown)",
        '     ~ controlPlane.statefulSet.resources.limits.cpu: "1" -> "2"',
        "     + experimental.deploy: (not shown)",
        "     + telemetry.enabled: false",
        "     - x: 1",
        "team-a/two: nothing is touched",
        "  ! spec.x: is bad.",
        "three: nothing changes",
        "  at the end Upgraded is False (Held)",
        "     Chart 0.37.0 is on offer.",
        "Of 3 VClusters 1 change, and 1 have something refused.",
    ]
    assert SECRET in "".join(report.text(PLANS, show=True))


def test_json() -> None:
    """For programs: the same, and no secret either."""
    text = report.as_json(PLANS, show=False)
    assert SECRET not in text
    one, two, three = json.loads(text)
    assert one["steps"][0][0] == {
        "release": "vcluster-system/kunde1-vcluster",
        "action": "change",
        "chart": {"before": "0.35.3", "after": "0.36.1"},
        "effect": "it restarts",
        "values": [
            {
                "path": "controlPlane.statefulSet.env",
                "before": "(not shown)",
                "after": "(not shown)",
            },
            {
                "path": "controlPlane.statefulSet.resources.limits.cpu",
                "before": "1",
                "after": "2",
            },
            {"path": "experimental.deploy", "after": "(not shown)"},
            {"path": "telemetry.enabled", "after": False},
            {"path": "x", "before": 1},
        ],
    }
    assert (two["namespace"], two["fatal"]) == ("team-a", "spec.x: is bad.")
    assert three["unmet"][0]["reason"] == "Held"
    assert SECRET in report.as_json(PLANS, show=True)


def test_all_that_exist() -> None:
    """Without a file every VCluster of the control plane is planned, each with its own Releases."""
    everything: list[dict[str, Any]] = []
    for example in ("kunde1", "kunde2", "tenant"):
        everything += [life.composite(example), *observed(example)]
    exists = [{"kind": "List", "items": everything}]
    found = [*requests.build_requests([], exists, life.platform_input())]
    assert [dry_run.plan(each).steps for each in found] == [(), (), ()]
    names = [each.composite["metadata"] for each in found]
    assert [name["name"] for name in names if isinstance(name, dict)] == [
        life.composite(example)["metadata"]["name"] for example in ("kunde1", "kunde2", "tenant")
    ]


def test_another_customers_releases_are_not_taken() -> None:
    """In scope Namespaced two VClusters may have one name: the namespace tells them apart."""
    mine = life.composite("tenant")
    theirs = changed(mine, {"metadata.namespace": "other"})
    (request,) = requests.build_requests([theirs], observed("tenant"), life.platform_input())
    assert request.observed.releases == ()


def test_the_uid_comes_from_what_exists() -> None:
    """A file knows no UID: that of the VCluster counts, else that which its Releases name."""
    asked = changed(life.composite("kunde1"), {"metadata": {"name": "kunde1"}})
    live = life.composite("kunde1")
    for found in ([live, *observed("kunde1")], observed("kunde1")):
        (request,) = requests.build_requests([asked], found, life.platform_input())
        assert request.composite["metadata"] == live["metadata"]


def run(*arguments: str | Path) -> tuple[int, str]:
    """Run the command; return exit code and output."""
    result = CliRunner().invoke(main, ["plan", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def write(path: Path, *documents: object) -> Path:
    """Write documents into a file."""
    path.write_text(yaml.safe_dump_all(documents))
    return path


@pytest.mark.parametrize(
    ("spec", "flags", "code"),
    [
        pytest.param({}, ["--exit-code"], 0, id="nothing-changes"),
        pytest.param({"quota": {"pods": 20}}, [], 0, id="something-changes"),
        pytest.param({"quota": {"pods": 20}}, ["--exit-code"], 2, id="something-changes-and-tell"),
        pytest.param({"availability": "HA"}, ["--exit-code"], 1, id="refused"),
        pytest.param({"quota": {"pods": 5000}}, [], 1, id="refused-as-a-whole"),
    ],
)
def test_exit_code(tmp_path: Path, spec: dict[str, Any], flags: list[str], code: int) -> None:
    """A pipeline sees what a plan means."""
    asked = write(tmp_path / "xr.yaml", changed(life.composite("kunde1"), {"spec": spec}))
    exists = write(tmp_path / "observed.yaml", *observed("kunde1"))
    assert run(asked, "--input", life.COMPOSITION, "--observed", exists, *flags)[0] == code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["{xr}", "--input", "{xr}"],
            "must hold one Input of this function, or a Composition with it",
            id="no-input",
        ),
        pytest.param(
            ["--input", str(life.COMPOSITION)],
            "there is no VCluster: name a file with one, or say where they exist",
            id="no-vcluster",
        ),
        pytest.param(
            ["--input", str(life.COMPOSITION), "--kubeconfig", "{kubeconfig}"],
            "cannot read the control plane: ",
            id="no-control-plane",
        ),
    ],
)
def test_what_it_cannot_plan(tmp_path: Path, arguments: list[str], message: str) -> None:
    """One line says what is missing."""
    places = {
        "xr": str(write(tmp_path / "xr.yaml", life.composite("kunde1"))),
        "kubeconfig": str(
            write(
                tmp_path / "kubeconfig",
                {
                    "current-context": "a",
                    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
                    "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:9"}}],
                    "users": [{"name": "a", "user": {"token": SECRET}}],
                },
            )
        ),
    }
    code, output = run(*(argument.format(**places) for argument in arguments))
    assert code == 1
    assert message in output
    assert SECRET not in output


EXAMPLES = re.findall(r"^```sh\n(cat[^`]*)^```\n\n```\n(kunde1:[^`]*)^```$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("command", "expected"), EXAMPLES, ids=["upgrade", "asleep"])
def test_the_page(tmp_path: Path, command: str, expected: str) -> None:
    """The commands of docs/plan.md print what it shows."""
    for name in ("tests", "apis"):
        (tmp_path / name).symlink_to(ROOT / name)
    assert shell(command, tmp_path) == expected
