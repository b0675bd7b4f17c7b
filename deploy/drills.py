"""What the drills beside the deployments (slurm/drill, network/drill) have in common."""

import contextlib
import os
import sqlite3
import subprocess
import time
from pathlib import Path

# A reader's lock would keep a recorder from recovering the file.
os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"
try:
    import h5py
except ImportError:
    # check_h5py says so.
    h5py = None

PATIENCE_SECONDS = 240
# Of a row of `rollouts`: incarnation and wall clock differ between two runs that record the same.
INCARNATION, WALL_CLOCK = 4, 6


class Unfit(Exception):
    """This machine cannot do the drill, for a reason that is none of Distillery's."""


class Failure(Exception):
    """Something went otherwise than it should."""


def expect(condition, *words):
    if not condition:
        raise Failure(" ".join(str(word) for word in words))


def eventually(what, condition, seconds=PATIENCE_SECONDS):
    """The condition's first answer that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.1)
    raise Failure(f"waited {seconds} s in vain: {what}")


def ask(*command):
    """What a command prints; it has to succeed."""
    result = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode:
        raise Failure(f"{' '.join(map(str, command))}: exit code {result.returncode}: {result.stderr.strip()}")
    return result.stdout.strip()


def check_h5py():
    if h5py is None:
        raise Unfit("missing: python3-h5py (apt-get install python3-h5py)")


def changed(experiment, **values):
    """The text of an experiment with other values of these keys, wherever they stand."""
    for key, value in values.items():
        lines = [f"{line.partition(key)[0]}{key}: {value}" if line.strip().startswith(f"{key}:") else line
                 for line in experiment.splitlines()]
        experiment = "\n".join(lines) + "\n"
    return experiment


def in_lockstep(experiment):
    return experiment.replace("collect:\n", "collect:\n  synchronization: lockstep\n")


class RunFolder:
    """The folder of a run, as its catalogue tells of it."""

    def __init__(self, folder):
        self.folder = folder

    def rows(self, query):
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/catalog.sqlite?mode=ro", uri=True)) as catalog:
            return catalog.execute(query).fetchall()

    def tasks(self):
        return self.rows("select count(*) from tasks")[0][0]

    def finished(self):
        """Lifetimes that have ended; none while there is no catalogue."""
        try:
            return self.rows("select count(*) from lifetimes where status = 'finished'")[0][0]
        except sqlite3.Error:
            return 0

    def expect_every_task_once(self):
        tasks = self.tasks()
        states = dict(self.rows("select status, count(*) from lifetimes group by status"))
        expect(states == {"finished": tasks}, "lifetimes:", states, "of", tasks, "tasks")

    def expect_ended_well(self):
        (ended, failure), = self.rows("select ended, failure from run")
        expect(ended and failure is None, "the run has not ended well:", failure)


def streams(folder):
    """Of all recorders: what another one keeps is found by links."""
    for place, _, names in os.walk(folder, followlinks=True):
        yield from (Path(place, name).relative_to(folder) for name in names if name.endswith(".h5"))


def expect_same_lives(one, other):
    """Two folders of streams hold the same, byte by byte, but for when and by whom it was recorded. Gives back how many."""
    paths = [sorted(streams(folder)) for folder in [one, other]]
    expect(paths[0] == paths[1] and paths[0], "the runs have other streams:", *map(len, paths))
    for path in paths[0]:
        with h5py.File(one / path, "r") as first, h5py.File(other / path, "r") as second:
            expect(sorted(first) == sorted(second), path, "has other data sets")
            for name in first:
                data = [file[name][()] for file in [first, second]]
                if name == "rollouts":
                    for table in data:
                        table[:, [INCARNATION, WALL_CLOCK]] = 0
                expect(data[0].tobytes() == data[1].tobytes(), path, "differs in", name)
    return len(paths[0])
