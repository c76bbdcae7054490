"""The end of a pod's log, for a message."""

from jobs.bounded_api import Api
from jobs.errors import RancherImportError
from jobs.kubernetes import call

LOG_LINES = 20


def last_line(client: Api, namespace: str, pod: str, container: str) -> str:
    """Return the last line that says something, "" without one."""
    try:
        lines = call(
            lambda: [
                *client.log(
                    pod,
                    namespace=namespace,
                    container=container,
                    tail_lines=LOG_LINES,
                    newlines=False,
                )
            ],
            f"the log of Pod {namespace}/{pod}",
        )
    except RancherImportError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
