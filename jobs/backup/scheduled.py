"""The command `snapshot`: the scheduled snapshots, and the first one."""

import datetime as dt
from dataclasses import replace

import structlog

from jobs.backup import wire
from jobs.backup.options import Environment, Schedule
from jobs.backup.places import Places
from jobs.backup.progress import Progress
from jobs.backup.snapshot_loop import Snapshot, abandon
from jobs.errors import RefusedError

log = structlog.get_logger()


def run(env: Environment, places: Places) -> bool:
    """Take a snapshot, and return whether it is reported, cannot be, or another run takes it.

    A first run that has nothing to back up yet reports nothing: others say why.
    """
    schedule = env.schedule()
    goal = replace(env.goal("Scheduled"), is_first=env.flag("FIRST"))
    progress = Progress(places.state, goal, schedule, places.now)
    if is_proven(env, places):
        log.info("the target is proven already")
        progress.plan_ahead()
        return True
    spread(env, places, schedule)
    snapshot = Snapshot(goal, places, progress, env.source())
    try:
        if snapshot.run(goal.timeout.total_seconds()) is not None:
            return True
    except wire.UnknownChartError as error:
        progress.cannot(error.reason, error.message)
        return True
    except RefusedError as error:
        progress.fail(error.reason, error.message)
        abandon(goal, places)
        raise
    if snapshot.is_obstructed:
        return False
    progress.fail(snapshot.problem.reason, snapshot.problem.message)
    abandon(goal, places)
    return False


def is_proven(env: Environment, places: Places) -> bool:
    """Return whether a first Job has nothing to do: these inputs have had a snapshot."""
    if not env.flag("FIRST"):
        return False
    report = places.state.read().report
    is_current = report.get("observedInputs") == env.text("INPUTS")
    return report.get("phase") == "Completed" and is_current


def spread(env: Environment, places: Places, schedule: Schedule) -> None:
    """Wait for the turn of this VCluster, if the CronJob has started the Job."""
    prefix = f"{env.text('STATE_CONFIG_MAP')}-"
    number = env.values.get("JOB_NAME", "").removeprefix(prefix)
    if not number.isdigit():
        return
    pause = schedule.delay(env.text("OWNER_UID"), places.now())
    if pause > dt.timedelta(0):
        log.info("waiting for its turn", seconds=pause.total_seconds())
        places.clock.sleep(pause.total_seconds())
