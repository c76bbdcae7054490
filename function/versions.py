"""Which chart and which Kubernetes version a virtual cluster runs next.

Never downwards, never more than one step at a time:
https://www.vcluster.com/docs/vcluster/manage/upgrade/upgrade-version and
https://kubernetes.io/releases/version-skew-policy/.
"""

import re
from collections.abc import Mapping, Sequence

_VERSION = re.compile(r"v?[0-9]+\.[0-9]+(\.[0-9]+)*(-.*)?")


def is_comparable(version: str) -> bool:
    """Tell whether a version is one that can be compared; `latest` is none."""
    return _VERSION.fullmatch(version) is not None


def order(version: str) -> tuple[int, ...]:
    """Return what versions are compared by; a pre-release counts as its release."""
    return tuple(int(part) for part in version.removeprefix("v").split("-")[0].split("."))


def minor(version: str) -> str:
    """Return `1.35` of `v1.35.2`, `0.36` of `0.36.1`."""
    return ".".join(str(part) for part in order(version)[:2])


def next_chart(
    path: Sequence[str], asked: str, *, settled: bool, instead: str | None = None
) -> str:
    """Return the chart version to ask for.

    `path` is the Input's list, `asked` the version that the Release asks for now (empty before
    it exists), `settled` whether the Release runs that version. A new cluster starts with the
    last of the path; an existing one goes to the next higher version, and only from a settled
    one. A version that left the list stays until the list offers a higher one, and one that
    cannot be compared stays for good. Where Helm could not even begin with `asked`, `instead` is
    what is installed, which may be nothing: that counts as soon as `asked` has left the list.
    """
    if instead is not None and asked not in path:
        asked, settled = instead, False
    if not asked:
        return path[-1]
    if not is_comparable(asked):
        return asked
    higher = [version for version in path if order(version) > order(asked)]
    return higher[0] if settled and higher else asked


def newest_patch(versions: Sequence[str], wanted: str) -> str | None:
    """Return the wanted full version, or the newest patch of the wanted minor, if listed."""
    matching = [v for v in versions if wanted in (v, minor(v))]
    return max(matching, key=order, default=None)


def is_supported_step(running: str, wanted: str) -> bool:
    """Tell whether Kubernetes may go from `running` to `wanted` at once."""
    old, new = order(running), order(wanted)
    return new >= old and new[0] == old[0] and new[1] <= old[1] + 1


def fits(chart: str, kubernetes: str, compatibility: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether the chart supports the Kubernetes version; an unlisted chart supports all."""
    supported = compatibility.get(minor(chart)) if is_comparable(chart) else None
    return supported is None or minor(kubernetes) in supported
