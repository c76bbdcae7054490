"""Render an example by the real Crossplane, with the real server of the function behind it.

Without a state nothing exists yet. With one, `crossplane composition render` observes what
`tests/fixtures/observed/<example>/<state>.yaml` holds; connection Secrets it reads from the
required resources.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from dev.scripts import life
from dev.scripts.server import Server, ServerError, serving

BIN = life.ROOT / ".tools" / "bin"
CROSSPLANE = BIN / "crossplane"
CORE = BIN / "crossplane-core"

FUNCTIONS = life.EXAMPLES / "functions.yaml"
TARGET = "render.crossplane.io/runtime-development-target"


def main(arguments: Sequence[str] | None = None) -> int:
    """Render the example of the command line, and return Crossplane's exit code."""
    parser = argparse.ArgumentParser(prog="render", description=__doc__.splitlines()[0])
    parser.add_argument("example", choices=life.names())
    parser.add_argument("state", choices=[*life.LIFE], nargs="?")
    wanted = parser.parse_args(arguments)
    missing = not_built(CROSSPLANE, CORE)
    if missing:
        return _failed(missing)
    try:
        with serving() as server:
            render_example(server, wanted.example, wanted.state)
    except ServerError as error:
        return _failed(str(error))
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


def render_example(
    server: Server, example: str, state: str | None = None, *, stdout: int | None = None
) -> str:
    """Render an example to standard output, or with `stdout=subprocess.PIPE` return the text.

    Errors go to standard error. Raises CalledProcessError with Crossplane's exit code.
    """
    with tempfile.TemporaryDirectory(prefix="render-") as folder:
        functions = Path(folder, "functions.yaml")
        functions.write_text(_functions(server.address))
        command = _command(example, state, functions)
        return subprocess.run(command, check=True, stdout=stdout, text=True).stdout or ""


def not_built(*programs: Path) -> str:
    """Return a message about missing programs; empty if all exist."""
    for program in programs:
        if not program.is_file():
            return f"{program.name} is not built: run `make tools`"
    return ""


def _functions(address: str) -> str:
    """Return functions.yaml with the address at which the server listens now."""
    functions = [*yaml.safe_load_all(FUNCTIONS.read_text())]
    for function in functions:
        function["metadata"]["annotations"][TARGET] = address
    return yaml.safe_dump_all(functions)


def _command(example: str, state: str | None, functions: Path) -> list[str]:
    folder = life.EXAMPLES / example
    command = [str(CROSSPLANE), "composition", "render"]
    api = life.configuration(yaml.safe_load((folder / "xr.yaml").read_text()))
    command += [str(folder / "xr.yaml"), str(api / "composition.yaml"), str(functions)]
    command += [f"--xrd={api / 'definition.yaml'}", "--include-function-results"]
    command += ["--include-full-xr"]
    command += [f"--crossplane-binary={CORE}"]
    if not state:
        return command
    for option, kind in (("observed", "observed"), ("required", "secrets")):
        file = life.fixture(kind, example, state)
        # Of an empty file Crossplane makes one resource, without a namespace.
        if any(yaml.safe_load_all(file.read_text())):
            command.append(f"--{option}-resources={file}")
    return command


def _failed(why: str) -> int:
    print(f"render: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
