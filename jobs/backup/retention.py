"""The archives that stay and those that are removed, as a pure function of names and time."""

import datetime as dt

from jobs.backup.model import Archives, Retention, time_of


def kept(archives: Archives) -> list[str]:
    """Return the names of the archives that can be restored, the newest first."""
    return sorted((name for name, archive in archives.items() if archive.counts), reverse=True)


def exposed(archives: Archives, awaited: str) -> tuple[str, ...]:
    """Return the names of plain archives that do not stay where archives are encrypted.

    These are the ones that are there encrypted too, and remnants but for that of the request.
    Those from before the encryption stay, and count.
    """
    return tuple(
        sorted(
            name
            for name, archive in archives.items()
            if archive.has_plain
            and (archive.has_encrypted if archive.has_metadata else name != awaited)
        )
    )


def superfluous(
    archives: Archives, retention: Retention, newest: str, now: dt.datetime
) -> tuple[str, ...]:
    """Return the names of the archives to remove, the oldest first.

    An archive is superfluous beyond both the count and the days; the newest always stays. Remnants
    are those without content or description, from snapshots that came to nothing before the
    newest one: there is never more than one request.
    """
    oldest = now - dt.timedelta(days=retention.days)
    complete = kept(archives)
    beyond = complete[max(1, retention.count) :]
    old = {name for name in beyond if (time := time_of(name)) and time < oldest}
    remnants = {name for name, archive in archives.items() if not archive.counts and name < newest}
    return tuple(sorted(old | remnants))
