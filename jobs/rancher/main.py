"""The command line of `rancher-import`."""

# Each command imports its own modules, so that the programs and `--help` start fast.
# ruff: noqa: PLC0415

import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

from jobs import logs
from jobs.errors import RancherImportError, one_line
from jobs.rancher.model import Goal, OnRebuild
from jobs.rancher.options import environment
from jobs.transport import ANSWER_SECONDS, FLEET_BYTES

ON_REBUILD: tuple[OnRebuild, ...] = ("Recreate", "Redeploy", "Fail")

GAVE_UP = 1

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def main() -> None:
    """Bring virtual clusters into Rancher and out again.

    Options come from the environment and mounted files: RANCHER_URL, RANCHER_TOKEN_FILE, and
    RANCHER_CA_FILE or RANCHER_CA_CHECKSUM for a private CA. The charts set them.
    """
    logs.configure()


def exit_on_error(command: F) -> F:
    """Turn an error of ours into one line and an exit code."""

    def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        try:
            return command(*args, **kwargs)
        except RancherImportError as error:
            click.echo(f"rancher-import: {error}", err=True)
            sys.exit(GAVE_UP)

    run.__name__ = command.__name__
    run.__doc__ = command.__doc__
    return cast("F", run)


@main.command("import")
@exit_on_error
def import_() -> None:
    """Import one virtual cluster; run by the Job of chart vcluster-rancher."""
    from jobs import hooks
    from jobs.rancher.clients import host_cluster, kubeconfig_secret, rancher_client
    from jobs.rancher.import_loop import Import

    env = environment()
    goal = Goal(
        cluster_name=env.text("CLUSTER_NAME"),
        owner_name=env.text("OWNER_NAME"),
        owner_uid=env.text("OWNER_UID"),
        former_owner_uid=env.text("FORMER_OWNER_UID", ""),
        owners=env.owners("OWNERS"),
        labels=env.variables("LABELS"),
        inputs=env.text("INPUTS"),
        agent_variables=env.variables("AGENT_VARIABLES"),
        agent_resources=env.variables("AGENT_RESOURCES"),
        on_rebuild=cast("OnRebuild", env.choice("ON_REBUILD", ON_REBUILD, "Recreate")),
    )
    host = host_cluster(env)
    secret = kubeconfig_secret(env, host)
    timeout = env.seconds("TIMEOUT", "15m")
    # The attempt ends by itself between two requests; one of them may hang.
    hooks.end_after(timeout + ANSWER_SECONDS, GAVE_UP)
    # Every action leaves a state from which the next attempt continues.
    hooks.end_on_sigterm()
    attempt = Import(goal, host, rancher_client(env), secret, timeout=timeout)
    if not attempt.run():
        sys.exit(GAVE_UP)


@main.command()
def deregister() -> None:
    """Remove one virtual cluster from Rancher; run before chart vcluster-rancher is uninstalled.

    Never fails, because Helm would uninstall nothing: leftovers are noted in the ConfigMap
    vcluster-abandoned. With ON_DELETE=Retain Rancher's agent is removed from the virtual cluster
    too, for which a part of the time is reserved; the note about the cluster is cleared if Rancher
    has removed it meanwhile.
    """
    from jobs import hooks
    from jobs.rancher import deregister_steps

    env = environment()
    hooks.supervise(lambda: deregister_steps.run(env))


@main.command()
@exit_on_error
def watch() -> None:
    """Update the phases of all imports of a host; run by chart vcluster-rancher-watch."""
    from jobs import service
    from jobs.kubernetes import host_client
    from jobs.rancher.clients import rancher_client
    from jobs.rancher.watch_loop import Watcher

    env = environment()
    period = env.seconds("PERIOD", "30s")
    watcher = Watcher(
        host_client(),
        env.text("STATE_NAMESPACE"),
        rancher_client(env, FLEET_BYTES),
        warn_days=int(env.text("TOKEN_EXPIRY_DAYS", "14")),
        period=period,
    )
    service.serve(watcher, env, period)


@main.command()
@click.option("--delete", is_flag=True, help="Remove them from Rancher, after the list.")
@exit_on_error
def sweep(*, delete: bool) -> None:
    """List the clusters in Rancher that have our label and belong to no VCluster any more.

    Then list the notes about leftovers of deletions; --delete clears those about clusters that are
    not in Rancher any more. They are in the namespace of STATE_NAMESPACE, default vcluster-system.
    """
    from jobs.rancher.orphans import list_orphans

    list_orphans(environment(), delete=delete)


@main.command()
@exit_on_error
def check() -> None:
    """Check that Rancher can be reached, and that the token may do what the import needs."""
    from jobs.rancher.clients import rancher_client
    from jobs.rancher.watch_plan import describe_expiry

    env = environment()
    rancher = rancher_client(env)
    expires_at = rancher.token_expiry()
    may_create = rancher.may_create()
    click.echo(f"Rancher {env.rancher().url} answers and accepts the token.")
    click.echo(one_line(describe_expiry(expires_at, int(env.text("TOKEN_EXPIRY_DAYS", "14")))))
    if not may_create:
        click.echo("The token's user may not create clusters: see `rancher-import setup`.")
        sys.exit(GAVE_UP)
    click.echo("The token's user may create clusters.")


@main.command()
@click.option("--dry-run", is_flag=True, help="Only print the objects to create.")
@exit_on_error
def setup(*, dry_run: bool) -> None:
    """Create the roles that the importer and operators need; run once as Rancher administrator."""
    from jobs.rancher import setup_roles
    from jobs.rancher.clients import rancher_client

    for line in setup_roles.describe():
        click.echo(line)
    if not dry_run:
        setup_roles.create(rancher_client(environment()), click.echo)
    click.echo(setup_roles.AFTERWARDS)


@main.command()
@click.argument("cluster")
@click.option("--namespace", required=True, help="The virtual cluster's namespace on the host.")
@click.option("--vcluster-uid", required=True, help="UID of the VCluster.")
@click.option(
    "--identity", required=True, help="UID of namespace kube-system in the virtual cluster."
)
@click.option("--importer", required=True, help="Id of the importer's user, such as u-x1y2z.")
@click.option("--dry-run", is_flag=True, help="Check everything, and only print the changes.")
@exit_on_error
def adopt(  # noqa: PLR0913  # an option each
    *,
    cluster: str,
    namespace: str,
    vcluster_uid: str,
    identity: str,
    importer: str,
    dry_run: bool,
) -> None:
    """Make CLUSTER, which was imported by hand, a VCluster's; run once as Rancher administrator.

    CLUSTER is the name of the object clusters.provisioning.cattle.io, and the value of
    spec.rancher.clusterName.
    """
    from jobs.rancher import adoption
    from jobs.rancher.clients import rancher_client

    claim = adoption.Claim(cluster, namespace, vcluster_uid, identity, importer)
    adoption.adopt(claim, rancher_client(environment()), click.echo, dry_run=dry_run)
