"""Releases: versions that agree, workflows with few rights, and a signature that is asked for."""

import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from dev.scripts import release
from tests.support.tools import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
VERIFICATION = ROOT / "install" / "verification.yaml"
CRD = ROOT / ".tools" / "crds" / "pkg.crossplane.io_imageconfigs.yaml"
SHA = re.compile(r"uses: ([-\w/]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a copy of what a release looks at, with a section of the changelog."""
    for name in (
        "pyproject.toml",
        "apis",
        "install",
        "charts",
    ):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path)
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-01-01\n\n### Added\n\n- All.\n\n"
        "## [0.0.1] - 2025-01-01\n\n- Old.\n"
    )
    return tmp_path


def test_versions_agree(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tag, the package and the charts have one version, and the changelog tells of it."""
    assert release.main(["check", "v0.1.0"], root) is None
    assert release.main(["notes", "v0.1.0"], root) is None
    assert capsys.readouterr().out == "### Added\n\n- All.\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["check", "0.1.0"], "release: 0.1.0 is no version such as v1.2.3"),
        (["check", "v0.1.0-rc1"], "release: v0.1.0-rc1 is no version such as v1.2.3"),
        (
            ["check", "v0.2.0"],
            (
                "release: the tag is v0.2.0, but pyproject.toml has 0.1.0, "
                "charts/vcluster-access/Chart.yaml has 0.1.0, "
                "charts/vcluster-backup/Chart.yaml has 0.1.0, "
                "charts/vcluster-clock/Chart.yaml has 0.1.0, "
                "charts/vcluster-namespace/Chart.yaml has 0.1.0, "
                "charts/vcluster-rancher/Chart.yaml has 0.1.0, "
                "charts/vcluster-rancher-watch/Chart.yaml has 0.1.0"
            ),
        ),
        (["notes", "v0.2.0"], "release: CHANGELOG.md has no section [0.2.0]"),
        (["publish"], "release: give check TAG, notes TAG or place REGISTRY"),
    ],
)
def test_refused(arguments: list[str], error: str, root: Path) -> None:
    """What does not fit together is named before anything is published."""
    assert release.main(arguments, root) == error


def test_this_tree_has_one_version() -> None:
    """Whoever raises it raises it everywhere."""
    assert len({version for _, version in release.versions(ROOT)}) == 1


def test_place(root: Path) -> None:
    """What is published names where it is published, and nothing names the example any more."""
    release.main(["place", "ghcr.io/telekom"], root)
    written = {
        file: file.read_text() for name in release.PLACES for file in (root / name).rglob("*.yaml")
    }
    assert not [file for file, text in written.items() if release.PLACEHOLDER in text]
    package = yaml.safe_load(written[root / "apis" / "cluster" / "crossplane.yaml"])
    assert {each["package"] for each in package["spec"]["dependsOn"]} == {
        "xpkg.crossplane.io/crossplane-contrib/provider-helm",
        "ghcr.io/telekom/function-vcluster",
    }


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned(file: Path) -> None:
    """By commit, with the version beside it: a tag can be moved."""
    lines = [line for line in file.read_text().splitlines() if "uses:" in line]
    assert lines
    assert all(SHA.search(line) for line in lines)


def test_each_action_is_pinned_once() -> None:
    """No workflow lags behind."""
    found = {SHA.search(line) for file in WORKFLOWS for line in file.read_text().splitlines()}
    pins = {match.groups() for match in found if match}
    assert len(pins) == len({action for action, _ in pins})


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_workflows_have_no_right_by_default(file: Path) -> None:
    """Each job names what it may do; only a release may publish, and only its last job."""
    workflow: dict[str, Any] = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {}
    writes = {
        name: sorted(right for right, level in job["permissions"].items() if level == "write")
        for name, job in workflow["jobs"].items()
    }
    expected = {
        "release.yml": {
            "python": [],
            "image": [],
            "publish": ["attestations", "contents", "id-token", "packages"],
        },
        "lock.yml": {"resolve": [], "propose": ["contents", "pull-requests"]},
    }
    assert writes == expected.get(file.name, {name: [] for name in workflow["jobs"]})
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


def test_new_packages_run_without_the_right_to_write() -> None:
    """What makes the pull request applies a patch: it installs nothing and runs no target."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "lock.yml").read_text())
    runs = {
        name: "\n".join(step.get("run", "") for step in job["steps"])
        for name, job in workflow["jobs"].items()
    }
    assert "--exclude-newer '7 days'" in runs["resolve"]
    assert "make lock" in runs["resolve"]
    assert not re.search(r"\b(make|pip|uv|python\S*) ", runs["propose"])
    actions = {step["uses"].partition("@")[0] for step in workflow["jobs"]["propose"]["steps"][:-1]}
    assert actions == {"actions/checkout", "actions/download-artifact"}


def test_verification_asks_for_the_release_workflow() -> None:
    """Crossplane takes what that workflow signed at a tag; not another's, nor a branch's."""
    config: dict[str, Any] = yaml.safe_load(VERIFICATION.read_text())
    (authority,) = config["spec"]["verification"]["cosign"]["authorities"]
    (identity,) = authority["keyless"]["identities"]
    prefix = "https://github.com/example/function-vcluster/.github/workflows"
    asked = re.compile(identity["subjectRegExp"])
    assert asked.search(f"{prefix}/release.yml@refs/tags/v1.2.3")
    assert not asked.search(f"{prefix}/release.yml@refs/heads/main")
    assert not asked.search(f"{prefix}/ci.yml@refs/tags/v1.2.3")
    assert not asked.search(f"{prefix.replace('.com', 'xcom')}/release.yml@refs/tags/v1.2.3")
    assert (ROOT / ".github" / "workflows" / "release.yml").exists()


def test_verification_fits_crossplane() -> None:
    """The object is one that Crossplane knows."""
    if not CRD.exists():
        pytest.skip("make tools gives Crossplane's CRDs")
    schema = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    jsonschema.validate(yaml.safe_load(VERIFICATION.read_text()), schema)
