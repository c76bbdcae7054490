"""Check the examples against the real schemas, by `crossplane resource validate`.

They are the VClusters, the Composition and its Input, and the Releases and Usages that the real
Crossplane renders. Unknown fields are findings too.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import yaml

from dev.scripts import generate, life
from dev.scripts.life import Object
from dev.scripts.render import CORE, CROSSPLANE, not_built, render_example
from dev.scripts.server import Server, ServerError, serving
from function.api import xr

CRDS = life.ROOT / ".tools" / "crds"
SCHEMAS = (CRDS, generate.INPUT_CRD)

STATES = ("nothing", "up", "ready")


class ValidateError(Exception):
    """A failure of the validation itself."""


def main() -> int:
    """Check everything, and return 1 if anything was found."""
    missing = not_built(CROSSPLANE, CORE, CRDS / "helm.m.crossplane.io_releases.yaml")
    if missing:
        return _failed(missing)
    try:
        with serving() as server:
            apis = (generate.CONFIGURATION, generate.NAMESPACED)
            failures = [_report(api.name, configuration(api)) for api in apis]
            failures += [_report(example, documents(server, example)) for example in life.names()]
    except (ServerError, ValidateError) as error:
        return _failed(str(error))
    except subprocess.CalledProcessError as error:
        return _failed(f"`crossplane composition render` ended with {error.returncode}")
    return int(any(failures))


def configuration(folder: Path) -> list[Object]:
    """Return the Composition, its Input as a document of its own, and the XRD."""
    return [
        *_load((folder / "composition.yaml").read_text()),
        life.platform_input(),
        *_load((folder / "definition.yaml").read_text()),
    ]


def documents(server: Server, example: str) -> list[Object]:
    """Return an example's VCluster, and the objects rendered in some states of its life."""
    objects = _load((life.EXAMPLES / example / "xr.yaml").read_text())
    for state in STATES:
        rendered = _load(render_example(server, example, state, stdout=subprocess.PIPE))
        objects += [document for document in rendered if document["kind"] != "Result"]
    return objects


def findings(objects: Sequence[Object]) -> list[str]:
    """Return Crossplane's findings on objects, a line each.

    VClusters among them are of one scope, with its schema.
    """
    vclusters = [vcluster for vcluster in objects if vcluster["kind"] == xr.KIND]
    api = life.configuration(vclusters[0]) if vclusters else generate.CONFIGURATION
    schemas = (*SCHEMAS, api / "definition.yaml")
    with tempfile.TemporaryDirectory(prefix="validate-") as folder:
        resources = Path(folder, "resources.yaml")
        resources.write_text(yaml.safe_dump_all(objects))
        done = subprocess.run(
            [
                *(str(CROSSPLANE), "resource", "validate"),
                *(",".join(map(str, schemas)), str(resources)),
                # The schemas are here: nothing is to be downloaded, and none may be missing.
                *("--crossplane-image=", "--error-on-missing-schemas"),
                *(f"--cache-dir={folder}/cache", "--output=json"),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
    return _lines(done, len(objects))


def _lines(done: subprocess.CompletedProcess[str], expected: int) -> list[str]:
    """Return the findings in Crossplane's report, which must name all objects.

    It may name more: it also looks at the Input inside a Composition.
    """
    try:
        report: Object = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise ValidateError(done.stderr.strip() or "Crossplane said nothing") from None
    lines = [*dict.fromkeys(line for resource in report["resources"] for line in _of(resource))]
    total = report["summary"]["total"]
    if total < expected or bool(lines) != bool(done.returncode):
        msg = f"Crossplane contradicts itself: {total} of {expected} objects, {done.stderr.strip()}"
        raise ValidateError(msg)
    return lines


def _of(resource: Object) -> list[str]:
    if resource["status"] == "valid":
        return []
    name = f"{resource['kind']} {resource['name']}".rstrip()
    errors = resource.get("errors") or [{"message": resource["status"]}]
    return [f"{name}: {error['message']}" for error in errors]


def _report(what: str, objects: Sequence[Object]) -> bool:
    """Print a summary and the findings of a group of objects; return whether there are any."""
    problems = findings(objects)
    kinds = Counter(str(document["kind"]) for document in objects)
    counted = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    print(f"validate: {what}: {counted}: {'invalid' if problems else 'valid'}")
    for line in problems:
        print(f"  {line}")
    return bool(problems)


def _load(text: str) -> list[Object]:
    return [document for document in yaml.safe_load_all(text) if document]


def _failed(why: str) -> int:
    print(f"validate: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
