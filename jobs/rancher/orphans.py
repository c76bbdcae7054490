"""Clusters in Rancher without a VCluster, and the notes about leftovers of deletions."""

import click
from lightkube.generic_resource import create_global_resource

from jobs import abandoned
from jobs.bounded_api import Api
from jobs.errors import one_line
from jobs.kubernetes import call, host_client
from jobs.rancher.clients import rancher_client
from jobs.rancher.model import OWNER_NAME, OWNER_UID
from jobs.rancher.options import Environment
from jobs.rancher.sight import look
from jobs.transport import FLEET_BYTES

PLATFORM = "vcluster-system"
"""Default of STATE_NAMESPACE."""


def list_orphans(env: Environment, *, delete: bool) -> None:
    """List orphans and notes; with `delete` remove the orphans and clear obsolete notes."""
    kind = create_global_resource("caas.telekom.de", "v1alpha1", "VCluster", "vclusters")
    client = host_client()
    vclusters = call(lambda: list(client.list(kind)), "the VClusters")
    living = {one.metadata.uid for one in vclusters if one.metadata}
    rancher = rancher_client(env, FLEET_BYTES)
    owned = look(rancher).owned()
    orphans = [cluster for cluster in owned if cluster.labels[OWNER_UID] not in living]
    for orphan in orphans:
        columns = (orphan.name, orphan.cluster_id, orphan.labels.get(OWNER_NAME, ""))
        click.echo("\t".join(map(one_line, columns)))
    click.echo(f"{len(orphans)} orphaned, {len(living)} VClusters", err=True)
    if delete:
        for orphan in orphans:
            rancher.delete(orphan.name)
            click.echo(f"{one_line(orphan.name)}: removal requested", err=True)
    uids = {cluster.labels[OWNER_UID] for cluster in owned}
    _list_notes(client, env.text("STATE_NAMESPACE", PLATFORM), uids, clear=delete)


def _list_notes(client: Api, namespace: str, uids: set[str], *, clear: bool) -> None:
    """List the notes; with `clear` remove those about clusters that are not in Rancher."""
    obsolete = []
    for key, note in abandoned.read(client, namespace).items():
        leftover, cluster = note.get("left", ""), note.get("cluster", "")
        gone = leftover == "cluster" and note.get("ownerUid", "") not in uids
        obsolete += [key] if gone else []
        status = "not in Rancher any more" if gone else f"left: {leftover}"
        click.echo(one_line(f"noted {note.get('at', '')}: {cluster}, {status}"), err=True)
    if clear and obsolete:
        abandoned.clear(client, namespace, obsolete)
        click.echo(f"{len(obsolete)} notes cleared", err=True)
