"""Check the alerts by promtool: their syntax, and their firing, with tests/fixtures/alerts.yaml."""

import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PROMTOOL = ROOT / ".tools" / "bin" / "promtool"
RULES = ROOT / "install" / "monitoring" / "prometheus.yaml"
TESTS = ROOT / "tests" / "fixtures" / "alerts.yaml"


def main() -> int:
    """Return promtool's exit code; the operator's object holds the rules in its spec."""
    (rules,) = (
        each for each in yaml.safe_load_all(RULES.read_text()) if each["kind"] == "PrometheusRule"
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rules.yaml").write_text(yaml.safe_dump(rules["spec"]))
        (Path(folder) / TESTS.name).write_bytes(TESTS.read_bytes())
        for command in (
            ["check", "rules", "--lint=all", "rules.yaml"],
            ["test", "rules", TESTS.name],
        ):
            done = subprocess.run([PROMTOOL, *command], cwd=folder, check=False)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
