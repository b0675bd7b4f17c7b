"""One stream file: its rows, its episodes, and whether its rollouts follow one another."""

import json
import os

# A reader that locks a file would make its recorder's recovery fail.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")

import h5py
import numpy as np

SEQUENCE, FIRST_STEP, LENGTH, POLICY_VERSION, INCARNATION, _, _, FIRST_EPISODE = range(8)


class Defects:
    """What is wrong in one stream: how often each kind of defect occurs, and where it does so first."""

    def __init__(self):
        self.counts = {}
        self.first = {}

    def add(self, kind, sentence, count=1):
        self.counts[kind] = self.counts.get(kind, 0) + int(count)
        self.first.setdefault(kind, sentence)

    def add_rows(self, kind, wrong, describe):
        """`wrong`: a mask over rows; `describe` says of one of them what was expected and what is there."""
        rows = np.flatnonzero(wrong)
        if len(rows):
            self.add(kind, f"row {rows[0]}: {describe(rows[0])}", len(rows))


class Stream:
    """The durable rows of a file, which may still grow: what a row of `rollouts` covers."""

    def __init__(self, path):
        self.path = path
        with h5py.File(path, "r", swmr=True) as file:
            # Rows are written before the row of `rollouts` that covers them: read in the other order, they are there.
            self.rollouts = file["rollouts"][:].astype(np.int64)
            count = int(self.rollouts[:, LENGTH].sum())
            attributes = dict(file.attrs)
            for name in file:
                file[name].id.refresh()
            self.observations = file["observations"][:count]
            self.actions = file["actions"][:count]
            self.rewards = file["rewards"][:count]
            self.terminations = file["terminations"][:count]
            self.truncations = file["truncations"][:count]
            self.flags = (self.terminations != 0) | (self.truncations != 0)
            self.rows_behind = len(file["rewards"]) - count
            self.finals_behind = len(file["final_observations"]) - int(self.flags.sum())
            self.final_observations = file["final_observations"][: int(self.flags.sum())]
        self.count = count
        self.environment = text(attributes["environment"])
        self.settings = json.loads(text(attributes["environment_json"]))
        self.task = int(attributes["task_id"])
        self.task_json = text(attributes["task_json"])
        self.split = text(attributes["split"])
        self.repetition = int(attributes["repetition"])
        self.actor = int(attributes["actor"])
        self.is_complete = int(attributes["complete"]) != 0

    def cut_into_episodes(self):
        """Marks first and last rows of episodes. An episode ends at a flag, or is cut where the incarnation changes."""
        incarnations = self.rollouts[:, INCARNATION]
        changes = np.flatnonzero(incarnations[1:] != incarnations[:-1]) + 1
        taken_over = self.rollouts[changes, FIRST_STEP]
        # A carrier that died before its first rollout came leaves one that covers nothing.
        taken_over = taken_over[(taken_over > 0) & (taken_over < self.count)]
        self.is_start = np.zeros(self.count, bool)
        self.is_start[:1] = True
        self.is_start[1:] = self.flags[:-1]
        self.is_start[taken_over] = True
        self.starts = np.flatnonzero(self.is_start)
        self.episode = np.cumsum(self.is_start) - 1
        self.step = np.arange(self.count) - self.starts[self.episode] if self.count else np.zeros(0, int)
        # The row after it belongs to the same episode.
        self.goes_on = np.zeros(self.count, bool)
        self.goes_on[:-1] = ~self.is_start[1:]
        self.gaps = len(changes)
        self.cut_episodes = int((~self.flags[taken_over - 1]).sum())

    def since_start(self, marks):
        """How many of `marks`, one a row, an episode has had up to each row, that row included."""
        total = np.cumsum(marks)
        before = total[self.starts] - marks[self.starts]
        return total - before[self.episode]


def text(attribute):
    return attribute.decode() if isinstance(attribute, bytes) else str(attribute)


def check_order(stream, defects):
    """Rollouts without holes or overlaps; incarnations, versions and episodes that do not go back."""
    rollouts = stream.rollouts
    ends = np.cumsum(rollouts[:, LENGTH])
    if (rollouts[:, FIRST_STEP] != ends - rollouts[:, LENGTH]).any():
        defects.add("rollouts", "the rollouts' rows have a hole or overlap")
        return False
    if stream.rows_behind < 0:
        defects.add("rollouts", f"the rollouts cover {-stream.rows_behind} rows that are not there")
        return False
    if (rollouts[:, SEQUENCE] != np.arange(len(rollouts))).any():
        defects.add("rollouts", "the sequence numbers have a hole or repeat")
    change = np.diff(rollouts[:, INCARNATION])
    if (change < 0).any():
        defects.add("incarnations", "a lower incarnation follows a higher one")
    if (np.diff(rollouts[:, POLICY_VERSION])[change == 0] < 0).any():
        defects.add("policy versions", "a lower policy version follows a higher one in the same incarnation")
    check_episode_numbers(stream, ends, change, defects)
    if stream.finals_behind < 0:
        defects.add("final observations", f"{-stream.finals_behind} episodes that ended have none")
        return False
    if stream.is_complete and (stream.rows_behind > 0 or stream.finals_behind > 0):
        defects.add("rollouts", "the file is sealed with rows or final observations that no rollout covers")
    return True


def check_episode_numbers(stream, ends, change, defects):
    """A rollout's first episode counts the ends before it; a new incarnation begins an episode that is new."""
    if not len(ends):
        return
    finished = np.concatenate([[0], np.cumsum(stream.flags)])
    numbers = stream.rollouts[:, FIRST_EPISODE]
    expected = numbers[:-1] + np.diff(finished[np.concatenate([[0], ends])])[:-1]
    same = change == 0
    if (numbers[1:] != expected)[same].any():
        defects.add("episode numbers", "a rollout begins in another episode than the one before it ended in")
    is_cut = np.zeros(len(change), bool)
    inside = (ends[:-1] > 0) & (ends[:-1] < stream.count)
    is_cut[inside] = ~stream.flags[ends[:-1][inside] - 1]
    if (numbers[1:] < expected + is_cut)[~same].any():
        defects.add("episode numbers", "an incarnation begins with an episode that had begun before")
    if numbers[0] != 0 and stream.rollouts[0, INCARNATION] == 0:
        defects.add("episode numbers", f"the first episode is {numbers[0]}")
