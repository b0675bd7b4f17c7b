"""The rules of the adversarial bandit: one episode of 100 trials, rewards of 0 and 1, means by the distribution."""

import json

import numpy as np

from . import chance

TRIALS = 100
ARMS = 10
FAVOURED = 0.95


def check(stream, defects):
    """Every trial of one stream. Gives (pulls, hits, means), each (arms), for the tests over the whole run."""
    means = means_of(stream, defects)
    if means is None:
        return None
    if stream.observations.any():
        defects.add_rows(
            "observations", stream.observations.any(axis=1), lambda row: f"{stream.observations[row]} is not 0")
    if stream.final_observations.any():
        defects.add("final observations", "one is not 0", stream.final_observations.any(axis=1).sum())
    check_ends(stream, defects)
    if (stream.actions >= len(means)).any():
        defects.add_rows(
            "actions", stream.actions >= len(means), lambda row: f"{stream.actions[row]} is no arm of {len(means)}")
        return None
    is_binary = (stream.rewards == 0) | (stream.rewards == 1)
    defects.add_rows("rewards", ~is_binary, lambda row: f"the reward {stream.rewards[row]:g} is not 0 or 1")
    pulls = np.bincount(stream.actions, minlength=len(means))
    hits = np.bincount(stream.actions, weights=stream.rewards == 1, minlength=len(means))
    return pulls, hits, means


def means_of(stream, defects):
    try:
        task = json.loads(stream.task_json)
        means = np.array(task["means"], float)
        if list(task) != ["means"] or means.shape != (stream.settings.get("arms", ARMS),):
            raise ValueError
    except (ValueError, TypeError, KeyError):
        defects.add("tasks", f"{stream.task_json[:200]} is no task of {stream.environment}")
        return None
    if not ((means >= 0) & (means <= 1)).all():
        defects.add("tasks", f"{stream.task_json[:200]} has a mean that is no probability")
        return None
    return means


def check_ends(stream, defects):
    """A stream is one episode, truncated at its last trial; one whose carrier died begins again."""
    trials = stream.settings.get("trials", TRIALS)
    expected = stream.step == trials - 1
    for name, found, wanted in [
        ("terminations", stream.terminations, np.zeros(stream.count, bool)),
        ("truncations", stream.truncations, expected),
    ]:
        defects.add_rows(
            name, found != wanted,
            lambda row: f"trial {stream.step[row]} of {trials} has the flag {found[row]}, expected {int(wanted[row])}")
    finished = int(stream.flags.sum())
    if finished > 1:
        defects.add("episodes", f"{finished} episodes in a stream whose life is one")
    if stream.is_complete and finished == 0 and stream.count and not stream.gaps:
        defects.add("episodes", f"the file is sealed after {stream.count} of {trials} trials")


def check_rewards(arms, defects):
    """Whether all arms of a run pay as their means say. `arms`: (path, pulls, hits, means) of every stream."""
    if not arms:
        return
    pulls, hits, means = (np.concatenate([entry[index] for entry in arms]) for index in (1, 2, 3))
    paths = np.repeat(np.arange(len(arms)), [len(entry[1]) for entry in arms])
    # An algorithm may stop pulling an arm because of what it paid: the bound has to hold for every number of pulls.
    bound = chance.frequency_bound(hits, pulls, means) * np.maximum(pulls, 1)
    wrong = bound < chance.SIGNIFICANCE / max(1, np.count_nonzero(pulls))
    if wrong.any():
        first = np.argmax(wrong)
        defects.add(
            "arms", f"{arms[paths[first]][0]}: an arm of mean {means[first]:.3f} paid {int(hits[first])} of "
            f"{int(pulls[first])}", wrong.sum())
    for low in np.arange(0, 1, 0.1):
        chosen = (means >= low) & (means < low + 0.1)
        off = chance.deviation(hits[chosen], pulls[chosen], means[chosen])
        if abs(off) > 5.5:
            defects.add(
                "arms", f"all arms of means from {low:.1f} to {low + 0.1:.1f} paid {off:+.1f} standard deviations more "
                "than their means say")


def check_tasks(tasks, settings, defects):
    """Whether the means are of the distribution that a split has. `tasks`: group -> list of means, one a task.

    The groups are `train`, `test`, and the name of an evaluation whose tasks are of neither kind: the uniform one.
    """
    share = settings.get("favoured", FAVOURED)
    for group, means in sorted(tasks.items()):
        means = np.array(means)
        odd, even = is_high(means, 1), is_high(means, 0)
        favoured = odd if group == "train" else even
        neither = ~(odd | even)
        if group in ("train", "test"):
            if neither.any():
                defects.add("means", f"a task of {group} has means of neither kind", neither.sum())
            bound = chance.frequency_bound(np.array([favoured.sum()]), np.array([len(means)]), np.array([share]))[0]
            if bound < chance.SIGNIFICANCE:
                defects.add(
                    "means", f"{favoured.sum()} of {len(means)} tasks of {group} are of its kind, expected {share:.0%}")
            check_uniform(group, halves(means, odd, even), defects)
        else:
            check_uniform(group, means.ravel(), defects)


def is_high(means, parity):
    """Whether the arms of this parity have means of at least a half and all others of at most that."""
    arms = np.arange(means.shape[-1])
    return (means[..., arms % 2 == parity] >= 0.5).all(axis=-1) & (means[..., arms % 2 != parity] <= 0.5).all(axis=-1)


def halves(means, odd, even):
    """The means of all arms of tasks of a kind, those from U(0, 0.5) and from U(0.5, 1) alike, as numbers in [0, 1]."""
    means = means[odd | even]
    return np.where(means >= 0.5, means - 0.5, means).ravel() * 2


def check_uniform(group, numbers, defects):
    if chance.uniform_numbers(numbers) < chance.SIGNIFICANCE:
        defects.add("means", f"the {len(numbers)} means of {group} are not uniform in their ranges")
