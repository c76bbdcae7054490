"""A host, a control plane and an S3 server in which the program can be run, killed and run again.

The host is a real API server, the S3 server a real one over TLS. The control plane is a model of
https://github.com/loft-sh/vcluster/blob/v0.36.1/pkg/snapshot/controller.go.
"""

import base64
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import botocore.httpsession
from lightkube.config.kubeconfig import KubeConfig

from dev.apiserver.client import Client
from jobs.backoff import Clock
from jobs.backup import final, preparation, restored, scheduled
from jobs.backup.bucket import Bucket
from jobs.backup.clients import places
from jobs.backup.model import Credentials, Metadata, Target
from jobs.backup.options import Environment
from jobs.backup.places import Places
from jobs.bounded_api import Api
from jobs.kubernetes import client as kubernetes_client
from tests.jobs.backup.archives import archive
from tests.support.kills import KilledError, Wire, tapped
from tests.support.s3_server import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, S3Server

PLATFORM, TENANT = "backup-platform", "vc-kunde1"
STATE, RELEASE = "kunde1-backup", "kunde1"
UID = "227fb97b-6cf6-4f79-9ae9-ffb14550d34d"
PREFIX = f"hosts/_/kunde1/{UID}"
REQUEST = f"{RELEASE}-backup"
POD = f"{RELEASE}-restore"
ETCD = f"{RELEASE}-etcd"
CLAIM = f"data-{RELEASE}-0"
START = dt.datetime(2026, 1, 10, 2, 0, tzinfo=dt.UTC)

FINALIZER = "vcluster.loft.sh/snapshot-controller"
LABEL = "vcluster.loft.sh/snapshot-request"


@dataclass
class ControlPlane:
    """The model of a control plane, which acts while the program sleeps."""

    api: Client
    wire: Wire
    folder: Path
    """Folder of the bucket."""
    runs: bool = True
    broken: int = 0
    """How many of the next requests fail, after a well-formed archive of half of the keys."""
    content: bytes = field(default_factory=archive)
    takes: int = 1
    """How many times it is looked at while it writes an archive."""
    late: bool = False
    """Whether it still writes the archive of a request that was removed, and patches by name."""
    _looks: int = 0
    _begun: dict[str, Any] = field(default_factory=dict)

    def act(self) -> None:
        """Do what a reconciliation does."""
        if self.late and self._begun:
            self._finish_late()
            return
        path = f"/api/v1/namespaces/{TENANT}/configmaps/{REQUEST}"
        found = self.api.request("GET", path)
        if found.status != 200 or not self.runs or LABEL not in found.body["metadata"]["labels"]:
            return
        body = found.body
        if "deletionTimestamp" in body["metadata"]:
            self._remove_secret()
            self._patch({"metadata": {"finalizers": None}})
            return
        request = json.loads(body["data"]["snapshotRequest"])
        phase = request["status"].get("phase", "")
        if phase in ("Completed", "Failed"):
            self._remove_secret()
            self._patch({"metadata": {"finalizers": None}})
        elif FINALIZER not in body["metadata"].get("finalizers", []):
            self._patch({"metadata": {"finalizers": [FINALIZER]}})
        elif phase == "":
            self._looks = 0
            self._begun = request
            self._set(request, "CreatingEtcdBackup")
        else:
            self._write(request)

    def _finish_late(self) -> None:
        """Complete the request that was removed, in the one that has its name now."""
        file = self.folder / self._begun["spec"]["url"].removeprefix(f"s3://{BUCKET}/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(archive({"/registry/former": b""}))
        self._set(self._begun, "Completed")
        self.late = False

    def _write(self, request: dict[str, Any]) -> None:
        self._looks += 1
        if self._looks < self.takes:
            return
        secret = self.api.get("v1", "Secret", REQUEST, namespace=TENANT)
        if secret.status != 200:
            self._set(request, "Failed", f"can't find snapshot request Secret {REQUEST}")
            return
        options = json.loads(base64.b64decode(secret.body["data"]["snapshotOptions"]))
        try:
            self._upload(options, archive({"/registry/x": b""}) if self.broken else self.content)
        except Exception as error:  # noqa: BLE001  # any error of S3
            self._set(request, "Failed", f"failed to run snapshot client: {error}")
            return
        if self.broken:
            self.broken -= 1
            self._set(request, "Failed", "failed to retrieve etcd items: lost")
            return
        self._set(request, "Completed")

    def _upload(self, options: Mapping[str, Any], content: bytes) -> None:
        assert options["type"] == "s3"
        s3 = options["s3"]
        assert s3["server-side-encryption"] == "AES256"
        target = Target(
            "x", s3["bucket"], s3["url"], s3["region"], path_style=True, prefix="x", algorithm=""
        )
        ca = Path(self.api.ca).parent / "s3-ca.crt"
        ca.write_text(s3["ca-cert"])
        credentials = Credentials(s3["access-key-id"], s3["secret-access-key"])
        with closing(Bucket(target, credentials, str(ca))) as bucket:
            bucket._client.put_object(Bucket=s3["bucket"], Key=s3["key"], Body=content)  # noqa: SLF001

    def _set(self, request: dict[str, Any], phase: str, error: str = "") -> None:
        request["status"] = {"phase": phase, "error": {"message": error} if error else {}}
        self._patch({"data": {"snapshotRequest": json.dumps(request)}})

    def _patch(self, patch: Mapping[str, Any]) -> None:
        self.api.patch("v1", "ConfigMap", REQUEST, patch, namespace=TENANT)

    def _remove_secret(self) -> None:
        self.api.delete("v1", "Secret", REQUEST, namespace=TENANT)


@dataclass
class Kubelet:
    """The model of what runs the pod of a restoration, which reads what it is given."""

    api: Client
    folder: Path
    restored: list[bytes] = field(default_factory=list)
    """The archives that were restored."""
    failing: int = 0
    """How many of the next pods fail."""

    def act(self) -> None:
        """Run the pod, in two looks."""
        path = f"/api/v1/namespaces/{TENANT}/pods/{POD}"
        pod = self.api.request("GET", path)
        if pod.status != 200:
            return
        if "deletionTimestamp" in pod.body["metadata"]:
            self.api.request("DELETE", path, {"gracePeriodSeconds": 0})
            return
        phase = pod.body["status"]["phase"]
        if phase == "Pending":
            self._set("Running")
        elif phase == "Running" and self.failing:
            self.failing -= 1
            self._set("Failed")
        elif phase == "Running":
            self._restore(pod.body)
            self._set("Succeeded")

    def _restore(self, pod: Mapping[str, Any]) -> None:
        (container,) = pod["spec"]["containers"]
        (name,) = (
            one["valueFrom"]["secretKeyRef"]["name"]
            for one in container["env"]
            if one["name"] == "VCLUSTER_STORAGE_OPTIONS"
        )
        secret = self.api.get("v1", "Secret", name, namespace=TENANT).body
        variable = base64.b64decode(secret["data"]["options"])
        options = json.loads(base64.b64decode(variable))
        self.restored.append((self.folder / options["s3"]["key"]).read_bytes())

    def _set(self, phase: str) -> None:
        patch = {"status": {"phase": phase}}
        self.api.patch("v1", "Pod", POD, patch, namespace=TENANT, subresource="status")


@dataclass
class World:
    """Everything around the program."""

    api: Client
    s3: S3Server
    folder: Path
    wire: Wire
    control_plane: ControlPlane
    kubelet: Kubelet
    seconds: float = 0
    env: dict[str, str] = field(default_factory=dict)

    def reset(self) -> None:
        """Empty host and bucket."""
        for file in self.s3.files():
            (self.s3.folder / file).unlink()
        self.remove_request()
        self.remove_pod()
        self.remove_claims()
        self.kubelet.restored.clear()
        self.kubelet.failing = 0
        self.api.delete("v1", "ConfigMap", "vcluster-abandoned", namespace=PLATFORM)
        self.write_state({"phase": "Pending", "reason": "JobStarting", "last": ""})
        self.api.delete("apps/v1", "Deployment", RELEASE, namespace=TENANT)
        self.api.delete("apps/v1", "StatefulSet", ETCD, namespace=TENANT)
        self.scale(1)
        self.write_credentials(ACCESS_KEY, SECRET_KEY)
        self.seconds = 0
        self.env = self._environment()
        plane = self.control_plane
        plane.runs, plane.broken, plane.takes, plane.content = True, 0, 1, archive()
        plane.late = False
        self.wire.reset()

    def make_namespaces(self) -> None:
        """Make the namespaces of platform and virtual cluster."""
        for name in (PLATFORM, TENANT):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            assert self.api.apply(body).status in (200, 201)

    def remove_request(self) -> None:
        """Remove the request, as nothing in the program does it."""
        self.api.delete("v1", "Secret", REQUEST, namespace=TENANT)
        self.api.delete("v1", "ConfigMap", REQUEST, namespace=TENANT)
        self.control_plane._patch({"metadata": {"finalizers": None}})  # noqa: SLF001

    def remove_pod(self) -> None:
        """Remove all of a restoration, as nothing in the program does it."""
        self.api.delete("v1", "Secret", POD, namespace=TENANT)
        path = f"/api/v1/namespaces/{TENANT}/pods/{POD}"
        self.api.request("DELETE", path, {"gracePeriodSeconds": 0})
        patch = {"metadata": {"finalizers": None}}
        self.api.delete("v1", "PersistentVolumeClaim", CLAIM, namespace=TENANT)
        self.api.patch("v1", "PersistentVolumeClaim", CLAIM, patch, namespace=TENANT)

    def claim(self, name: str) -> None:
        """Make a volume claim as the syncer does for one of the tenant in namespace default."""
        metadata = {
            "name": f"{name}-x-default-x-{RELEASE}",
            "namespace": TENANT,
            "labels": {"vcluster.loft.sh/managed-by": RELEASE},
            "annotations": {
                "vcluster.loft.sh/object-name": name,
                "vcluster.loft.sh/object-namespace": "default",
            },
        }
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        kind = "PersistentVolumeClaim"
        body = {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}
        assert self.api.apply(body).status in (200, 201)

    def remove_claims(self) -> None:
        """Remove the tenant's volume claims, as nothing in the program does it."""
        path = f"/api/v1/namespaces/{TENANT}/persistentvolumeclaims"
        for each in self.api.request("GET", path).body["items"]:
            name, patch = each["metadata"]["name"], {"metadata": {"finalizers": None}}
            self.api.delete("v1", "PersistentVolumeClaim", name, namespace=TENANT)
            self.api.patch("v1", "PersistentVolumeClaim", name, patch, namespace=TENANT)

    def write_state(self, report: Mapping[str, Any], **data: str) -> None:
        """Write the state as the chart does."""
        self.api.delete("v1", "ConfigMap", STATE, namespace=PLATFORM)
        content = {"desiredInputs": "in-1", "report": json.dumps(report), **data}
        metadata = {"name": STATE, "namespace": PLATFORM}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": content}
        assert self.api.apply(body).status in (200, 201)

    def scale(self, replicas: int) -> None:
        """Make the workload of the control plane, with some replicas."""
        labels = {"app": "vcluster", "release": RELEASE}
        container = {"name": "syncer", "image": "vcluster:0.36.1"}
        claim = {
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "5Gi"}},
            },
        }
        spec = {
            "replicas": replicas,
            "serviceName": f"{RELEASE}-headless",
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            "volumeClaimTemplates": [claim],
        }
        metadata = {"name": RELEASE, "namespace": TENANT}
        body = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}
        assert self.api.apply(body).status in (200, 201)

    def deploy(self, replicas: int) -> None:
        """Make the workload of a control plane with a deployed etcd, with some replicas."""
        self.env["VCLUSTER_AVAILABILITY"] = "HA"
        self.api.delete("apps/v1", "StatefulSet", RELEASE, namespace=TENANT)
        for kind, name in (("Deployment", RELEASE), ("StatefulSet", ETCD)):
            labels = {"app": name}
            container = {"name": "syncer", "image": "vcluster:0.36.1"}
            spec = {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
                **({"serviceName": ETCD} if kind == "StatefulSet" else {}),
            }
            metadata = {"name": name, "namespace": TENANT}
            body = {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}
            assert self.api.apply(body).status in (200, 201)

    def start_etcd(self) -> None:
        """Scale the deployed etcd up; none of its members becomes ready."""
        self.api.patch("apps/v1", "StatefulSet", ETCD, {"spec": {"replicas": 3}}, namespace=TENANT)

    def replicas(self, kind: str = "StatefulSet", name: str = RELEASE) -> int:
        """Return the replicas of a workload, by default of the control plane."""
        found = self.api.get("apps/v1", kind, name, namespace=TENANT).body
        return int(found["spec"]["replicas"])

    def write_credentials(self, access: str, secret: str) -> None:
        """Write the mounted files of the target's Secret."""
        (self.folder / "accessKeyId").write_text(access)
        (self.folder / "secretAccessKey").write_text(f"{secret}\n")

    def _environment(self) -> dict[str, str]:
        return {
            "OWNER_NAME": "kunde1",
            "OWNER_UID": UID,
            "INPUTS": "in-1",
            "VCLUSTER_NAMESPACE": TENANT,
            "VCLUSTER_RELEASE": RELEASE,
            "VCLUSTER_CHART": "0.36.1",
            "VCLUSTER_KUBERNETES": "1.36.3",
            "VCLUSTER_AVAILABILITY": "Single",
            "STATE_NAMESPACE": PLATFORM,
            "STATE_CONFIG_MAP": STATE,
            "SCHEDULE": "0 2 * * *",
            "TIME_ZONE": "Europe/Berlin",
            "RETENTION_COUNT": "3",
            "RETENTION_DAYS": "7",
            "ON_DELETE": "Snapshot",
            "ON_FAILURE": "Block",
            "TIMEOUT": "10m",
            "DELETE_TIMEOUT": "10m",
            "TARGET_NAME": "nightly",
            "S3_BUCKET": BUCKET,
            "S3_ENDPOINT": self.s3.endpoint,
            "S3_REGION": REGION,
            "S3_PATH_STYLE": "true",
            "S3_PREFIX": PREFIX,
            "S3_ENCRYPTION": "AES256",
            "S3_CREDENTIALS_DIR": str(self.folder),
            "S3_CA_FILE": str(self.s3.ca_file),
        }

    def encrypt_for(self, *recipients: object) -> None:
        """Give the target recipients of age."""
        self.env["AGE_RECIPIENTS"] = ",".join(str(one) for one in recipients)

    def now(self) -> dt.datetime:
        """Return the time."""
        return START + dt.timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        """Let time pass, in which the control plane acts."""
        self.seconds += seconds
        was, self.wire.is_others = self.wire.is_others, True
        try:
            self.control_plane.act()
            self.kubelet.act()
        finally:
            self.wire.is_others = was

    def snapshot(self) -> bool:
        """Run the command `snapshot` once."""
        with closing(self.lightkube()) as client:
            return scheduled.run(Environment(self.env), self.places(client))

    def restore(self) -> bool:
        """Run the command `restore` once."""
        with closing(self.lightkube()) as client:
            return restored.run(Environment(self.env), self.places(client))

    def prepare(self) -> bool:
        """Run the command `prepare` once."""
        with closing(self.lightkube()) as client:
            return preparation.run(Environment(self.env), self.places(client))

    def finish(self) -> bool:
        """Run the command `finish` once."""
        with closing(self.lightkube()) as client:
            return final.run(Environment(self.env), self.places(client), client)

    def places(self, client: Api) -> Places:
        """Return what the program makes of its environment, with the clocks of the world."""
        made = places(Environment(self.env), client)
        clock = Clock(now=lambda: self.seconds, sleep=self.sleep, jitter=lambda: 0.5)
        return replace(made, clock=clock, now=self.now)

    def lightkube(self) -> Api:
        """Return a client of the API server."""
        config = KubeConfig.from_dict(self.api.kubeconfig).get()
        assert config
        return kubernetes_client(config)

    def state(self) -> dict[str, str]:
        """Return the data of the state."""
        found = self.api.get("v1", "ConfigMap", STATE, namespace=PLATFORM).body
        return dict(found["data"])

    def report(self) -> dict[str, Any]:
        """Return the report."""
        return dict(json.loads(self.state()["report"]))

    def abandoned(self) -> dict[str, str]:
        """Return the notes about deletions."""
        found = self.api.get("v1", "ConfigMap", "vcluster-abandoned", namespace=PLATFORM).body
        return dict(found.get("data", {}))

    def remainder(self) -> list[str]:
        """Return what is left of requests."""
        names = (("Secret", REQUEST), ("ConfigMap", REQUEST), ("Secret", POD), ("Pod", POD))
        return [
            kind
            for kind, name in names
            if self.api.get("v1", kind, name, namespace=TENANT).status == 200
        ]

    def put(self, name: str, ending: str = ".tar.gz", content: bytes | None = None) -> None:
        """Put an object into the bucket, as nothing in the program does it."""
        file = self.s3.folder / PREFIX / f"{name}{ending}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(archive() if content is None else content)

    def names(self) -> list[str]:
        """Return the objects in the bucket, without their prefix."""
        return [file.removeprefix(f"{PREFIX}/") for file in self.s3.files()]

    def described(self) -> dict[str, Metadata]:
        """Return the archives that count, by what their .json says; each must be restorable."""
        found = {}
        for name in self.names():
            if name.endswith(".json"):
                text = (self.s3.folder / PREFIX / name).read_text()
                found[name.removesuffix(".json")] = Metadata(**json.loads(text))
        return found


@contextmanager
def both_tapped(wire: Wire) -> Iterator[None]:
    """Count all requests of both clients, and die at the chosen one."""
    send = botocore.httpsession.URLLib3Session.send

    def sent(session: Any, request: Any) -> Any:
        dies = wire.count(f"{request.method} {request.url.split('?')[0].split('/', 3)[3]}")
        if dies and wire.phase == "before":
            raise KilledError
        answer = send(session, request)
        if dies:
            raise KilledError
        return answer

    with tapped(wire) as patch:
        patch.setattr(botocore.httpsession.URLLib3Session, "send", sent)
        yield


@contextmanager
def opened(api: Client, s3: S3Server, folder: Path) -> Iterator[World]:
    """Open a world on an API server and an S3 server."""
    wire = Wire()
    with both_tapped(wire):
        world = World(
            api, s3, folder, wire, ControlPlane(api, wire, s3.folder), Kubelet(api, s3.folder)
        )
        world.make_namespaces()
        world.reset()
        yield world
