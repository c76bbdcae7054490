"""`rancher-import sweep`: what is left in Rancher without a VCluster."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from lightkube import Client as Lightkube
from lightkube.config.kubeconfig import KubeConfig

from dev.apiserver.client import Client
from dev.fake_rancher import FakeRancher
from function.api import xr
from jobs import abandoned
from jobs.rancher.api import Rancher
from jobs.rancher.model import Goal
from jobs.rancher.options import RancherOptions


def test_sweep(crossplane: Client, tmp_path: Path) -> None:
    """Only clusters whose VCluster is gone are listed, and removed on demand."""
    living = {
        "apiVersion": xr.API_VERSION,
        "kind": xr.KIND,
        "metadata": {"name": "living"},
        "spec": {},
    }
    path = "/apis/caas.telekom.de/v1alpha1/vclusters"
    uid = crossplane.request("POST", path, living).body["metadata"]["uid"]
    (tmp_path / "kubeconfig").write_text(json.dumps(crossplane.kubeconfig))
    with FakeRancher() as fake:
        (tmp_path / "token").write_text(fake.token())
        rancher = Rancher(RancherOptions(fake.url, tmp_path / "token", fake.ca_file, ""))
        for name, owner in (("living", uid), ("orphan", "gone")):
            rancher.create(Goal(name, name, owner, frozenset(), "in-1"), "vc-1")
        rancher.close()

        config = KubeConfig.from_dict(crossplane.kubeconfig).get()
        platform = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "vcluster-system"},
        }
        assert crossplane.apply(platform).status in (200, 201)
        with closing(Lightkube(config=config, trust_env=False)) as client:
            for name, owner, what in (("orphan", "gone", "cluster"), ("old", "past", "cluster")):
                left = {"ownerUid": owner, "left": what, "cluster": name}
                abandoned.note(client, "vcluster-system", f"{owner}.{what}", left)
            agent = {"ownerUid": "past", "left": "agent", "cluster": "old"}
            abandoned.note(client, "vcluster-system", "past.agent", agent)

        def notes() -> set[str]:
            found = crossplane.get(
                "v1", "ConfigMap", "vcluster-abandoned", namespace="vcluster-system"
            )
            return {*found.body["data"]}

        def sweep(*flags: str) -> list[str]:
            done = subprocess.run(
                [sys.executable, "-m", "jobs.rancher", "sweep", *flags],
                env={
                    **os.environ,
                    "KUBECONFIG": str(tmp_path / "kubeconfig"),
                    "RANCHER_URL": fake.url,
                    "RANCHER_TOKEN_FILE": str(tmp_path / "token"),
                    "RANCHER_CA_FILE": str(fake.ca_file),
                },
                capture_output=True,
                text=True,
                check=True,
                timeout=30,
            )
            return [line.split("\t")[0] for line in done.stdout.splitlines()]

        assert sweep() == ["orphan"]
        assert notes() == {"gone.cluster", "past.cluster", "past.agent"}
        assert sorted(fake.clusters()) == ["living", "orphan"]
        assert sweep("--delete") == ["orphan"]
        assert sorted(fake.clusters()) == ["living"]
        # What was asked to go a moment ago is not gone yet; the next sweep clears its note.
        assert notes() == {"gone.cluster", "past.agent"}
        assert sweep("--delete") == []
        assert notes() == {"past.agent"}
