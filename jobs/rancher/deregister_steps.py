"""Steps of `rancher-import deregister`, each of which leaves a note if it does not succeed."""

import time
from collections.abc import Callable

import structlog

from jobs import abandoned, hooks
from jobs.errors import RefusedError
from jobs.kubernetes import host_client
from jobs.rancher.agent_cleanup import clean_virtual_cluster
from jobs.rancher.clients import host_cluster, kubeconfig_secret, rancher_client
from jobs.rancher.deregistration import LAST_LOOK_SECONDS, Deregistration, removal_seconds
from jobs.rancher.options import Environment

TIMEOUT = "4m"


def run(env: Environment) -> None:
    """Remove the cluster from Rancher and, with retained data, Rancher from the virtual cluster."""
    timeout = _timeout(env)
    deadline = time.monotonic() + timeout
    retain = env.values.get("ON_DELETE") == "Retain"
    clean = leave_agent if _is_asleep(env) else remove_agent
    gone = _attempt(env, "cluster", remove_from_rancher, removal_seconds(timeout, retain=retain))
    if retain:
        _attempt(env, "agent", clean, deadline - time.monotonic())
        if not gone:
            _look_again(env, max(deadline - time.monotonic(), LAST_LOOK_SECONDS))


def remove_from_rancher(env: Environment, seconds: float) -> bool:
    """Remove the cluster from Rancher; return whether nothing of the import is left there."""
    name, uid = env.text("CLUSTER_NAME"), env.text("OWNER_UID")
    deregistration = Deregistration(
        name,
        uid,
        host_cluster(env),
        rancher_client(env),
        timeout=seconds,
        is_asleep=_is_asleep(env),
    )
    return deregistration.run() or not deregistration.leaves_something()


def remove_agent(env: Environment, seconds: float) -> bool:
    """Remove Rancher from the virtual cluster; return whether nothing is left."""
    secret = kubeconfig_secret(env, host_cluster(env))
    return clean_virtual_cluster(secret.open, env.text("OWNER_UID"), timeout=seconds)


def leave_agent(_: Environment, __: float) -> bool:
    """Return False: asleep the virtual cluster has no API, and a note says what is left."""
    return False


def _is_asleep(env: Environment) -> bool:
    return env.values.get("POWER") == "Sleeping"


def _timeout(env: Environment) -> float:
    try:
        return env.seconds("TIMEOUT", TIMEOUT)
    except RefusedError as error:
        structlog.get_logger().warning("the default is taken", message=error.message)
        return Environment({}).seconds("TIMEOUT", TIMEOUT)


def _attempt(
    env: Environment, leftover: str, work: Callable[[Environment, float], bool], seconds: float
) -> bool:
    """Run a step and return whether it succeeded; if not, write a note about the leftover."""
    if hooks.attempt(lambda: work(env, seconds), seconds=seconds):
        return True
    uid = env.values.get("OWNER_UID", "")
    fields = {
        "ownerUid": uid,
        "left": leftover,
        "cluster": env.values.get("CLUSTER_NAME", ""),
        "namespace": env.values.get("KUBECONFIG_NAMESPACE", ""),
    }

    def note() -> None:
        abandoned.note(host_client(), env.text("STATE_NAMESPACE"), f"{uid}.{leftover}", fields)

    hooks.attempt(note, seconds=hooks.NOTE_SECONDS)
    return False


def _look_again(env: Environment, seconds: float) -> None:
    """Clear the note about the cluster if Rancher has removed it meanwhile."""
    if not hooks.attempt(lambda: remove_from_rancher(env, seconds), seconds=seconds):
        return
    keys = (f"{env.values.get('OWNER_UID', '')}.cluster",)
    namespace = env.values.get("STATE_NAMESPACE", "")
    hooks.attempt(
        lambda: abandoned.clear(host_client(), namespace, keys), seconds=hooks.NOTE_SECONDS
    )
