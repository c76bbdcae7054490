"""The test Rancher as a program, which prints its address and runs until SIGTERM."""

import argparse
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from . import agent_program, connections, kubeconfig, tls
from .behaviour import Behaviour, Lag
from .control import Control
from .observed import Logged
from .rights import USERS
from .server import FakeRancher
from .state import State, User, random_name

# Seconds, from startup-window.txt, rancher-live.md (second visit), flow-impkey-timeline.json,
# connect-timeline.json, delete-impkey-timeline.json.
REALISTIC = {
    "starting": 5,
    "cluster_name": 0.2,
    "rbac": 0.7,
    "crt": 0.4,
    "crt_empty": 0.6,
    "pending": 1.7,
    "tunnel": 0.3,
    "agent_deployed": 4.4,
    "connected": 1,
    "ready": 12,
    "disconnected": 15,
    "agent_upgrade": 10,
    "binding_removal": 0.4,
    "prov_removal": 1,
    "mgmt_removal": 0.3,
    "lost_removal": 97,
    "namespace_removal": 5,
}
LAGS = sorted(one.name for one in fields(Behaviour) if one.type is Lag)
FLAGS = sorted(one.name for one in fields(Behaviour) if one.type is bool)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="python -m dev.fake_rancher")
    made.description = __doc__
    add = made.add_argument
    add("--host", default="127.0.0.1", help="address to listen at, such as 0.0.0.0")
    add("--port", type=int, default=0, help="port to listen at; 0: any that is free")
    add("--name", action="append", default=[], help="further DNS name or address of ours")
    add("--url", default="", help="setting server-url, if it is not the address")
    add("--folder", type=Path, help="where CA, certificate and tokens are kept and looked for")
    add("--user", action="append", default=[], help="further user with the importer's rights")
    add("--kubeconfigs", type=Path, help="folder with a kubeconfig for each cluster: <name>")
    add("--all-agents", action="store_true", help="believe that all agents run; look for none")
    add("--agents-connect", action="store_true", help="believe in agents that report")
    add("--control-port", type=int, default=0, help="port for tests that steer it, plain HTTP")
    add("--state", type=Path, help="file that keeps clusters and tokens over a restart")
    add("--realistic", action="store_true", help="take the time that the real one took")
    add("--lag", action="append", default=[], help=f"name=seconds; names: {', '.join(LAGS)}")
    add("--flag", action="append", default=[], choices=FLAGS, help="misbehave")
    add("--quiet", action="store_true", help="print no requests")
    return made


def prepared(options: argparse.Namespace) -> FakeRancher:
    """Return a test Rancher with the options of the command line."""
    names = (*tls.NAMES, *options.name)
    others = (User(one, f"u-{random_name(5)}", create_clusters=True) for one in options.user)
    fake = FakeRancher(
        (options.host, options.port),
        url=options.url,
        pair=tls.make(options.folder, names),
        users=(*USERS, *others),
        state=remembered(options.state),
    )
    token = options.folder / "token"
    if token.exists():
        fake.use_token(token.read_text().strip())
    lags = {name: str(seconds) for name, seconds in REALISTIC.items() if options.realistic}
    for name, seconds in (lags | dict(one.split("=", 1) for one in options.lag)).items():
        if name not in LAGS:
            parser().error(f"--lag {name}: no such lag")
        setattr(fake.behaviour, name, Lag(float(seconds)))
    for name in options.flag:
        setattr(fake.behaviour, name, True)
    fake.behaviour.probe_every = 1
    if options.all_agents:
        fake.agent_probe = lambda _: True
    elif options.agents_connect:
        fake.agent_probe = lambda cluster_id: connections.is_heard(fake.state, cluster_id)
    elif options.kubeconfigs:
        fake.agent_probe = probe(fake, options.kubeconfigs)
    if not options.quiet:
        fake.on_answer = told
    return fake


def probe(fake: FakeRancher, folder: Path) -> Callable[[str], bool]:
    """Return a look for agents that finds new kubeconfigs by itself."""

    def look(cluster_id: str) -> bool:
        cluster = fake.state.by_id(cluster_id)
        if cluster and (folder / cluster.name).exists():
            fake.watch(cluster.name, kubeconfig.read(folder / cluster.name))
        return fake.agents(cluster_id)

    return look


def remembered(file: Path | None) -> State | None:
    """Return the state of an earlier process."""
    if file is None or not file.exists():
        return None
    state = pickle.loads(file.read_bytes())  # noqa: S301 -- our own file
    return state if isinstance(state, State) else None


def remember(fake: FakeRancher, file: Path, before: bytes) -> bytes:
    """Write the state if it has changed; a real Rancher keeps it in etcd."""
    now = pickle.dumps(fake.state)
    if now != before:
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_bytes(now)
        unfinished.replace(file)
    return now


def told(one: Logged) -> None:
    """Print a request, without the token in the manifest's path."""
    path = "/v3/import/..." if one.path.startswith("/v3/import/") else one.path
    say(f"{one.method} {path} {one.user or '-'} {one.status}")


def say(*lines: str) -> None:
    """Print at once."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def main() -> None:
    """Run until SIGTERM or SIGINT; as the agent if Rancher's manifest has started it."""
    if "CATTLE_SERVER" in os.environ:
        agent_program.main()
        return
    options = parser().parse_args()
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with tempfile.TemporaryDirectory(prefix="fake-rancher-") as folder:
        options.folder = options.folder or Path(folder)
        has_token = (options.folder / "token").exists()
        with prepared(options) as fake:
            for user in fake.state.users:
                name = "token" if user == "importer" else f"token-{user}"
                if not has_token:
                    (options.folder / name).write_text(fake.token(user))
            say(f"url={fake.url}", f"ca={fake.ca_file}", f"token={options.folder / 'token'}")
            if options.control_port:
                Control((options.host, options.control_port), fake)
            written = b""
            while signal.sigtimedwait(ends, 0.2) is None:
                fake.clusters()  # steps continue without requests
                if options.state:
                    written = remember(fake, options.state, written)


if __name__ == "__main__":
    main()
