"""All streams of a folder: each by its environment's rules, then what no single stream can show."""

import contextlib
import glob
import json
import multiprocessing
import os
import re
import time

import numpy as np

from . import bandit, chance, rooms
from .stream import Defects, Stream, check_order

BANDIT = "adversarial-bandit"


class Found:
    """What a stream leaves for the whole run's checks."""

    def __init__(self, path):
        self.path = path
        self.defects = Defects()
        self.transitions = self.episodes = self.gaps = self.cut_episodes = 0
        self.stream = None
        self.chance = None
        self.is_known = True


def check_stream(path):
    found = Found(path)
    try:
        stream = Stream(path)
    except Exception as error:  # whatever a damaged file makes h5py throw
        found.defects.add("files", f"cannot be read: {error}")
        return found
    found.is_known = stream.environment in rooms.RULES or stream.environment == BANDIT
    found.stream = {
        name: getattr(stream, name) for name in ["environment", "settings", "task", "task_json", "split", "repetition"]}
    check_place(stream, found.defects)
    if not found.is_known or not check_order(stream, found.defects):
        return found
    stream.cut_into_episodes()
    found.transitions = stream.count
    found.episodes = int(stream.flags.sum())
    found.gaps, found.cut_episodes = stream.gaps, stream.cut_episodes
    kind = bandit if stream.environment == BANDIT else rooms
    found.chance = kind.check(stream, found.defects)
    return found


def check_place(stream, defects):
    """The folder and the file say what the attributes say."""
    numbers = {"task": stream.task, "lifetime": stream.repetition, "actor": stream.actor, "seed": stream.actor}
    for name, number in re.findall(r"(task|lifetime|actor|seed)-(\d+)(?=[/.])", "/".join(stream.path.split("/")[-3:])):
        if numbers[name] != int(number):
            defects.add("places", f"the file is in the place of {name} {int(number)} and says {numbers[name]}")
    if stream.split not in ("train", "test"):
        defects.add("splits", f"{stream.split} is no split")


def check_folder(folder, processes, progress):
    """Checks a run, or any folder of streams. Gives what was found in each stream, and the defects of all together."""
    paths = sorted(glob.glob(os.path.join(folder, "**", "*.h5"), recursive=True))
    found = check_streams(paths, processes, progress)
    together = Defects()
    known = [entry for entry in found if entry.stream and entry.is_known]
    check_tasks(known, together)
    check_checkpoints(folder, known, together)
    starts = check_starts(known, together)
    check_bandits(folder, known, together)
    return found, together, starts


# Streams that a process takes at a time; fewer are checked without other processes.
CHUNK = 8


def check_streams(paths, processes, progress):
    """In the order of the paths; `progress` takes a line every few seconds."""
    found = []
    last = time.monotonic()
    with contextlib.ExitStack() as stack:
        results = map(check_stream, paths)
        if processes > 1 and len(paths) > CHUNK:
            pool = multiprocessing.Pool(processes)
            # Leaving a pool as a context would end its processes by SIGTERM, which they may have inherited as blocked:
            # they are asked to end instead, and waited for.
            stack.callback(pool.join)
            stack.callback(pool.close)
            results = pool.imap(check_stream, paths, chunksize=CHUNK)
        for result in results:
            found.append(result)
            if time.monotonic() - last > 5:
                last = time.monotonic()
                progress(f"{len(found)} of {len(paths)} streams")
    return found


def check_tasks(found, defects):
    """A task is the same and in the same split wherever it is played, and no two are the same."""
    by_id, by_json = {}, {}
    for entry in found:
        stream = entry.stream
        facts = (stream["task_json"], stream["split"])
        key = (stream["environment"], json.dumps(stream["settings"], sort_keys=True))
        earlier, path = by_id.setdefault((key, stream["task"]), (facts, entry.path))
        if earlier != facts:
            defects.add("splits", f"task {stream['task']} is {facts} in {entry.path} and {earlier} in {path}")
        number, path = by_json.setdefault((key, facts[0]), (stream["task"], entry.path))
        if number != stream["task"]:
            defects.add("tasks", f"tasks {number} and {stream['task']} are the same, {facts[0]}: {path}, {entry.path}")


def check_checkpoints(folder, found, defects):
    """What a checkpoint was trained on is not held out, neither by itself nor by a stream of the run."""
    splits = {"train": set(), "test": set()}
    for entry in found:
        splits.setdefault(entry.stream["split"], set()).add(entry.stream["task"])
    pattern = os.path.join(folder, "checkpoints", "distiller", "**", "config.json")
    for path in sorted(glob.glob(pattern, recursive=True)):
        with open(path) as file:
            configuration = json.load(file)
        trained = set(configuration["trained_tasks"])
        held_out = set(configuration["test_tasks"])
        for wrong, words in [
            (trained & held_out, "were trained on and are held out"),
            (trained & splits["test"], "were trained on and are played as held out"),
            (held_out & splits["train"], "are held out and played as tasks to train on"),
        ]:
            if wrong:
                defects.add("splits", f"{path}: tasks {sorted(wrong)[:5]} {words}", len(wrong))


def check_starts(found, defects):
    """Where chance decides on the first cell, all cells are as likely. Gives (environment, episodes, statistic, p)."""
    counts = {}
    for entry in found:
        if entry.stream["environment"] in rooms.RULES and entry.chance is not None:
            key = (entry.stream["environment"], len(entry.chance))
            counts[key] = counts.get(key, 0) + entry.chance
    results = []
    for (environment, cells), starts in counts.items():
        statistic, probability = chance.uniform_counts(starts)
        results.append((environment, int(starts.sum()), cells, statistic, probability))
        if probability < chance.SIGNIFICANCE:
            defects.add(
                "starts", f"{environment}: {int(starts.sum())} first cells are not uniform over {cells}, chi-square "
                f"{statistic:.1f}, p {probability:.2g}")
    return results


def check_bandits(folder, found, defects):
    entries = [entry for entry in found if entry.stream["environment"] == BANDIT and entry.chance is not None]
    if not entries:
        return
    bandit.check_rewards([(entry.path, *entry.chance) for entry in entries], defects)
    bandit.check_tasks(bandit_groups(folder, entries), entries[0].stream["settings"], defects)


def bandit_groups(folder, entries):
    """The means of each task once, by split; those of an evaluation that plays tasks of neither kind by its name."""
    folders = {}
    for entry in entries:
        parts = os.path.relpath(entry.path, folder).split("/")
        is_evaluation = parts[0] == "evaluations" and entry.stream["split"] == "test"
        name = parts[1] if is_evaluation else entry.stream["split"]
        folders.setdefault(name, {})[entry.stream["task"]] = (entry.stream["split"], entry.chance[2])
    groups = {}
    for name, tasks in folders.items():
        means = np.array([mean for _, mean in tasks.values()])
        is_uniform = (~(bandit.is_high(means, 1) | bandit.is_high(means, 0))).mean() > 0.5
        for task, (split, mean) in tasks.items():
            group = name if is_uniform and split == "test" else split
            groups.setdefault(group, {})[task] = mean
    return {name: list(tasks.values()) for name, tasks in groups.items()}
