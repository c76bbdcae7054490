"""The command line of `rancher-import`."""

import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click
import structlog

from jobs.errors import RancherImportError, RefusedError, one_line
from jobs.rancher import proxies
from jobs.rancher import setup as once
from jobs.rancher.api import Rancher
from jobs.rancher.model import OWNER_NAME, OWNER_UID, OnRebuild, Wish
from jobs.rancher.options import Environment, environment
from jobs.rancher.sight import look
from jobs.transport import ANSWER_SECONDS, FLEET_BYTES, RANCHER_BYTES

ON_REBUILD: tuple[OnRebuild, ...] = ("Recreate", "Redeploy", "Fail")

GAVE_UP = 1

DEREGISTER_TIMEOUT = "4m"

PLATFORM = "vcluster-system"

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def main() -> None:
    """Bring virtual clusters into Rancher and out again.

    Options come from the environment and mounted files: RANCHER_URL, RANCHER_TOKEN_FILE, and
    RANCHER_CA_FILE or RANCHER_CA_CHECKSUM for a private CA. The charts set them.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )


def errors_in_words(command: F) -> F:
    """Turn our errors into one line and an exit code."""

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
@errors_in_words
def import_() -> None:
    """Import one virtual cluster; run by the Job of chart vcluster-rancher."""
    from jobs import hooks  # noqa: PLC0415  # not for `--help`
    from jobs.rancher.import_loop import Import  # noqa: PLC0415

    env = environment()
    wish = Wish(
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
    host, open_tenant = _clusters(env)
    timeout = env.seconds("TIMEOUT", "15m")
    # The attempt ends by itself between two requests, of which one may never end.
    hooks.end_after(timeout + ANSWER_SECONDS, GAVE_UP)
    attempt = Import(wish, host, _rancher(env), open_tenant, timeout=timeout)
    if not attempt.run():
        sys.exit(GAVE_UP)


@main.command()
def deregister() -> None:
    """Take one virtual cluster out of Rancher; run before chart vcluster-rancher is uninstalled.

    Never fails, because Helm would uninstall nothing: what could not be removed is noted in the
    ConfigMap vcluster-abandoned. With ON_DELETE=Retain Rancher's agent is removed from the virtual
    cluster too, for which a part of the time is kept; the note about the cluster goes again if
    Rancher has removed it meanwhile.
    """
    # Before the clock runs.
    from jobs import abandoned, hooks  # noqa: PLC0415, F401  # not for `--help`
    from jobs.rancher import agent_cleanup  # noqa: PLC0415, F401  # not for `--help`
    from jobs.rancher.deregister import LAST_LOOK_SECONDS, removal_seconds  # noqa: PLC0415

    env = environment()

    def steps() -> None:
        timeout = _timeout(env)
        deadline = time.monotonic() + timeout
        retain = env.values.get("ON_DELETE") == "Retain"
        gone = _step(env, "cluster", _out_of_rancher, removal_seconds(timeout, retain=retain))
        if retain:
            _step(env, "agent", _out_of_tenant, deadline - time.monotonic())
            if not gone:
                _look_again(env, max(deadline - time.monotonic(), LAST_LOOK_SECONDS))

    hooks.supervise(steps)


def _timeout(env: Environment) -> float:
    try:
        return env.seconds("TIMEOUT", DEREGISTER_TIMEOUT)
    except RefusedError as error:
        structlog.get_logger().warning("the default is taken", message=error.message)
        return Environment({}).seconds("TIMEOUT", DEREGISTER_TIMEOUT)


def _step(
    env: Environment, what: str, work: Callable[[Environment, float], bool], seconds: float
) -> bool:
    """Do a step of the deregistration; write down what it leaves behind, and return if nothing."""
    from jobs import abandoned, hooks  # noqa: PLC0415

    if hooks.attempt(lambda: work(env, seconds), seconds=seconds):
        return True
    uid = env.values.get("OWNER_UID", "")
    left = {
        "ownerUid": uid,
        "left": what,
        "cluster": env.values.get("CLUSTER_NAME", ""),
        "namespace": env.values.get("KUBECONFIG_NAMESPACE", ""),
    }

    def note() -> None:
        abandoned.note(_host_client(), env.text("STATE_NAMESPACE"), f"{uid}.{what}", left)

    hooks.attempt(note, seconds=hooks.NOTE_SECONDS)
    return False


def _look_again(env: Environment, seconds: float) -> None:
    """Take the note about the cluster away if Rancher has removed it by now."""
    from jobs import abandoned, hooks  # noqa: PLC0415

    if hooks.attempt(lambda: _out_of_rancher(env, seconds), seconds=seconds):
        keys = (f"{env.values.get('OWNER_UID', '')}.cluster",)
        place = env.values.get("STATE_NAMESPACE", "")
        hooks.attempt(
            lambda: abandoned.clear(_host_client(), place, keys), seconds=hooks.NOTE_SECONDS
        )


def _out_of_rancher(env: Environment, seconds: float) -> bool:
    from jobs.rancher.deregister import Deregistration  # noqa: PLC0415

    host, _ = _clusters(env)
    name, uid = env.text("CLUSTER_NAME"), env.text("OWNER_UID")
    registration = Deregistration(name, uid, host, _rancher(env), timeout=seconds)
    return registration.run() or not registration.leaves_something()


def _out_of_tenant(env: Environment, seconds: float) -> bool:
    from jobs.rancher.agent_cleanup import clean_inside  # noqa: PLC0415

    _, open_tenant = _clusters(env)
    return clean_inside(open_tenant, env.text("OWNER_UID"), timeout=seconds)


@main.command()
@errors_in_words
def watch() -> None:
    """Keep the phases of all imports of a host true; run by chart vcluster-rancher-watch."""
    # Imported here: the other programs start without the metrics.
    from jobs.health_server import HealthServer  # noqa: PLC0415
    from jobs.rancher.watch_loop import Watcher  # noqa: PLC0415

    env = environment()
    period = env.seconds("PERIOD", "30s")
    watcher = Watcher(
        _host_client(),
        env.text("STATE_NAMESPACE"),
        _rancher(env, FLEET_BYTES),
        warn_days=int(env.text("TOKEN_EXPIRY_DAYS", "14")),
        period=period,
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    address = env.text("METRICS_ADDRESS", ":8080")
    server = HealthServer(address, lambda: watcher.looked_at, 3 * period)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    watcher.run(stop)
    server.shutdown()


@main.command()
@click.option("--delete", is_flag=True, help="Remove them from Rancher, after the list.")
@errors_in_words
def sweep(*, delete: bool) -> None:
    """List the clusters in Rancher that bear our label and belong to no VCluster any more.

    Then the notes of what deletions left behind, of which --delete clears those about clusters that
    Rancher has no longer. They are in the namespace of STATE_NAMESPACE, default vcluster-system.
    """
    from lightkube.generic_resource import create_global_resource  # noqa: PLC0415

    from jobs.rancher.kubernetes import call  # noqa: PLC0415

    kind = create_global_resource("caas.telekom.de", "v1alpha1", "VCluster", "vclusters")
    client = _host_client()
    vclusters = call(lambda: list(client.list(kind)), "the VClusters")
    living = {one.metadata.uid for one in vclusters if one.metadata}
    rancher = _rancher(environment(), FLEET_BYTES)
    owned = look(rancher).owned()
    orphans = [c for c in owned if c.labels[OWNER_UID] not in living]
    for orphan in orphans:
        columns = (orphan.name, orphan.cluster_id, orphan.labels.get(OWNER_NAME, ""))
        click.echo("\t".join(map(one_line, columns)))
    click.echo(f"{len(orphans)} orphaned, {len(living)} VClusters", err=True)
    if delete:
        for orphan in orphans:
            rancher.delete(orphan.name)
            click.echo(f"{one_line(orphan.name)}: removal asked for", err=True)
    there = {cluster.labels[OWNER_UID] for cluster in owned}
    _sweep_notes(client, environment().text("STATE_NAMESPACE", PLATFORM), there, clear=delete)


def _sweep_notes(client: Any, namespace: str, there: set[str], *, clear: bool) -> None:  # noqa: ANN401
    """List the notes of what was left behind, and clear those that are not true any more."""
    from jobs import abandoned  # noqa: PLC0415

    untrue = []
    for key, note in abandoned.read(client, namespace).items():
        left, cluster = note.get("left", ""), note.get("cluster", "")
        gone = left == "cluster" and note.get("ownerUid", "") not in there
        untrue += [key] if gone else []
        where = "not in Rancher any more" if gone else f"left: {left}"
        click.echo(one_line(f"noted {note.get('at', '')}: {cluster}, {where}"), err=True)
    if clear and untrue:
        abandoned.clear(client, namespace, untrue)
        click.echo(f"{len(untrue)} notes cleared", err=True)


@main.command()
@errors_in_words
def check() -> None:
    """Check that Rancher can be reached, and that the token may do what the import needs."""
    from jobs.rancher.watch_plan import expiry_in_words  # noqa: PLC0415  # not for `--help`

    env = environment()
    rancher = _rancher(env)
    expires = rancher.token_expiry()
    may_create = rancher.may_create()
    click.echo(f"Rancher {env.rancher().url} answers and accepts the token.")
    click.echo(one_line(expiry_in_words(expires, int(env.text("TOKEN_EXPIRY_DAYS", "14")))))
    if not may_create:
        click.echo("The token's user may not create clusters: see `rancher-import setup`.")
        sys.exit(GAVE_UP)
    click.echo("The token's user may create clusters.")


@main.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be created.")
@errors_in_words
def setup(*, dry_run: bool) -> None:
    """Create the roles that the importer and operators need; run once as Rancher administrator."""
    for line in once.describe():
        click.echo(line)
    if not dry_run:
        once.run(_rancher(environment()), click.echo)
    click.echo(once.AFTERWARDS)


@main.command()
@click.argument("cluster")
@click.option("--namespace", required=True, help="The virtual cluster's namespace on the host.")
@click.option("--vcluster-uid", required=True, help="UID of the VCluster.")
@click.option(
    "--identity", required=True, help="UID of namespace kube-system in the virtual cluster."
)
@click.option("--importer", required=True, help="Id of the importer's user, such as u-x1y2z.")
@click.option("--dry-run", is_flag=True, help="Check everything, and only say what would be done.")
@errors_in_words
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

    CLUSTER is the name of the object clusters.provisioning.cattle.io, and what
    spec.rancher.clusterName has to be.
    """
    from jobs.rancher import adopting  # noqa: PLC0415  # not for `--help`

    claim = adopting.Claim(cluster, namespace, vcluster_uid, identity, importer)
    adopting.adopt(claim, _rancher(environment()), click.echo, dry_run=dry_run)


def _rancher(env: Environment, answer_bytes: int = RANCHER_BYTES) -> Rancher:
    options = env.rancher()
    return Rancher(options, proxy=proxies.proxy(options.url), answer_bytes=answer_bytes)


def _host_client() -> Any:  # noqa: ANN401  # imported late, it takes a third of the start
    from lightkube import KubeConfig  # noqa: PLC0415

    from jobs.rancher.kubernetes import client  # noqa: PLC0415

    config = KubeConfig.from_env().get()
    if config is None:
        raise RefusedError("BadKubeconfig", "KUBECONFIG names a file without a current context.")
    return client(config)


def _clusters(env: Environment) -> tuple[Any, Callable[[], Any]]:
    """Return the host, and what opens the virtual cluster."""
    from jobs.rancher.kubernetes import Host, Tenant  # noqa: PLC0415

    host = Host(_host_client(), env.text("STATE_NAMESPACE"), env.text("STATE_CONFIG_MAP"))

    def open_tenant() -> Tenant | None:
        kubeconfig = host.kubeconfig(
            env.text("KUBECONFIG_NAMESPACE"),
            env.text("KUBECONFIG_SECRET"),
            env.text("KUBECONFIG_KEY", "config"),
        )
        server = env.text("KUBECONFIG_SERVER", "")
        return Tenant(kubeconfig, server) if kubeconfig else None

    return host, open_tenant
