"""The story: two virtual clusters come up, one install fails, one spec is refused."""

import yaml
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from dev.demo import crossplane, importer, show, text
from dev.demo.steps import AGES, FAILED, REFUSED, STEPS, Step
from dev.scripts import life
from dev.scripts.server import Server


class UnexpectedError(Exception):
    """An answer that the story does not expect."""


def tell(server: Server) -> None:
    """Run the story. Raises UnexpectedError for the first unexpected answer."""
    text.paragraph(
        "This is the real function: `python -m function --insecure --address "
        f"{server.address}`, asked over gRPC as Crossplane would. There is no cluster: what is "
        "observed is replayed from files, which is said each time. Every answer is computed now."
    )
    last = {example: _live(server, example) for example in AGES}
    _fail(server, "kunde1")
    _refuse(server)
    _import()
    _list(last)


def _live(server: Server, example: str) -> fnv1.RunFunctionResponse:
    """Run the steps of a VCluster and return its last answer."""
    text.heading(f"{example}: what its owner writes", "=")
    text.quote((life.EXAMPLES / example / "xr.yaml").read_text())
    vcluster = life.composite(example)
    rsp = fnv1.RunFunctionResponse()
    for number, step in enumerate(STEPS, start=1):
        text.heading(f"{example}, {number} of {len(STEPS)}: {step.state}")
        rsp = _ask(server, example, step, vcluster)
        vcluster = crossplane.store(vcluster, rsp)
    return rsp


def _ask(
    server: Server, example: str, step: Step, vcluster: life.Object
) -> fnv1.RunFunctionResponse:
    req = life.request_of(vcluster, *life.observed(example, step.state), tag="demo")
    text.paragraph(step.words)
    show.observed(req, example, step.state)
    rsp = crossplane.follow(server, req, crossplane.ask(server, req))
    where = f"{example}, {step.state}"
    _expect(f"{where}: FATAL", crossplane.fatal(rsp), "")
    show.answer(rsp)
    _expect(f"{where}: desired resources", sorted(rsp.desired.resources), sorted(step.desired))
    _expect(f"{where}: READY", crossplane.ready(rsp), step.ready)
    blocked_by = crossplane.status(rsp)["blockedBy"]
    _expect(f"{where}: blockedBy says why", not blocked_by, step.ready == "True")
    return rsp


def _fail(server: Server, example: str) -> None:
    text.heading(f"Aside: {example}, if its install fails", "=")
    rsp = _ask(server, example, FAILED, life.composite(example))
    (condition,) = (c for c in rsp.conditions if c.type == "ControlPlaneReady")
    words = " ".join(life.HELM_FAILURE.split())
    _expect("failed: Helm's own words", condition.message[-len(words) :], words)


def _refuse(server: Server) -> None:
    text.heading("Aside: a spec that asks for more than the platform allows", "=")
    text.quote(REFUSED)
    vcluster = yaml.safe_load(REFUSED)
    vcluster["metadata"]["uid"] = life.composite("kunde1")["metadata"]["uid"]
    rsp = crossplane.ask(server, life.request_of(vcluster, [], [], tag="demo"))
    print("The function answered FATAL: Crossplane applies and deletes nothing.")
    text.table(("FATAL", crossplane.fatal(rsp)), ())
    show.conditions(rsp)
    _expect("refused: SYNCED", crossplane.synced(rsp), "False")
    _expect("refused: the field", crossplane.fatal(rsp).partition(":")[0], "spec.quota.cpu")


def _import() -> None:
    phases = importer.tell()
    if phases:
        _expect("import", phases["import"], "0 Connected")
        _expect("deregister", phases["deregister"], "0 Pending")


def _list(last: dict[str, fnv1.RunFunctionResponse]) -> None:
    text.heading("At the end", "=")
    text.paragraph(
        "SYNCED and READY follow from the last answers above, as Crossplane derives them. AGE is "
        "replayed: nothing here is that old."
    )
    composition = yaml.safe_load(life.COMPOSITION.read_text())["metadata"]["name"]
    print("$ kubectl get vclusters.caas.telekom.de")
    text.table(
        ("NAME", "SYNCED", "READY", "COMPOSITION", "AGE"),
        [
            (example, crossplane.synced(rsp), crossplane.ready(rsp), composition, AGES[example])
            for example, rsp in last.items()
        ],
        gap="   ",
        indent="",
    )


def _expect(what: str, actual: object, expected: object) -> None:
    if actual != expected:
        msg = f"{what}: expected {expected}, found {actual}"
        raise UnexpectedError(msg)
