"""The rules of the dark rooms: how one moves, what is rewarded, when an episode ends, where it begins."""

import json

import numpy as np

#                left, right, up, down, stay
MOVES = np.array([[-1, 0], [1, 0], [0, -1], [0, 1], [0, 0]])
SIZES = {"dark-room": 9, "dark-room-hard": 17, "dark-key-to-door": 9}
HORIZONS = {"dark-room": 20, "dark-room-hard": 50, "dark-key-to-door": 50}


def check(stream, defects):
    """Every transition of one stream. Gives how often an episode began in each cell, where chance decides that."""
    size = stream.settings.get("size", SIZES[stream.environment])
    cells = cells_of(stream, size, defects)
    if cells is None or not spaces_hold(stream, size, defects):
        return None
    moved = np.clip(stream.observations.astype(np.int16) + MOVES[stream.actions], 0, size - 1)
    check_moves(stream, moved, defects)
    arrived = moved[:, 1] * size + moved[:, 0]
    rewards, opens = RULES[stream.environment](stream, arrived, cells)
    defects.add_rows(
        "rewards", stream.rewards != rewards,
        lambda row: f"the reward of the step to {moved[row].tolist()} is {stream.rewards[row]:g}, expected "
        f"{rewards[row]:g} with {stream.task_json}")
    check_ends(stream, opens, defects)
    return check_starts(stream, size, defects)


def cells_of(stream, size, defects):
    """The cells that the task names, as y * size + x; None where it is no task of such a room."""
    names = ["key", "door"] if stream.environment == "dark-key-to-door" else ["goal"]
    try:
        task = json.loads(stream.task_json)
        if sorted(task) != sorted(names):
            raise ValueError
        places = [(int(x), int(y)) for x, y in (task[name] for name in names)]
    except (ValueError, TypeError, KeyError):
        defects.add("tasks", f"{stream.task_json} is no task of {stream.environment}")
        return None
    if not all(0 <= x < size and 0 <= y < size for x, y in places):
        defects.add("tasks", f"{stream.task_json} lies outside the room")
        return None
    if not 0 <= stream.task < size ** (2 * len(names)):
        defects.add("tasks", f"task {stream.task} is not one of the {size ** (2 * len(names))}")
    return [y * size + x for x, y in places]


def spaces_hold(stream, size, defects):
    """Whether all observations are cells of the room and all actions known; the moves of others mean nothing."""
    sound = True
    for name, wrong in [
        ("observations", (stream.observations >= size).any(axis=1)),
        ("final observations", (stream.final_observations >= size).any(axis=1)),
        ("actions", stream.actions >= len(MOVES)),
    ]:
        if wrong.any():
            defects.add(name, f"element {np.argmax(wrong)} is outside of its space", wrong.sum())
            sound = False
    return sound


def check_moves(stream, moved, defects):
    """What is seen next is where the action leads; behind an episode's last step, in its final observation."""
    following = stream.observations[1:]
    wrong = np.zeros(stream.count, bool)
    wrong[:-1] = stream.goes_on[:-1] & (following != moved[:-1]).any(axis=1)
    defects.add_rows(
        "moves", wrong,
        lambda row: f"action {stream.actions[row]} leads from {stream.observations[row].tolist()} to "
        f"{following[row].tolist()}, expected {moved[row].tolist()}")
    ends = np.flatnonzero(stream.flags)
    astray = (stream.final_observations != moved[ends]).any(axis=1)
    if astray.any():
        first = np.argmax(astray)
        defects.add(
            "final observations",
            f"row {ends[first]}: the episode ends at {stream.final_observations[first].tolist()}, expected "
            f"{moved[ends[first]].tolist()}", astray.sum())


def each_step(stream, arrived, cells):
    """Dark Room: 1 for every step that ends on the goal."""
    return (arrived == cells[0]).astype(np.float32), None


def once(stream, arrived, cells):
    """Dark Room Hard: 1 for the first step of an episode that ends on the goal."""
    hits = arrived == cells[0]
    return (hits & (stream.since_start(hits) == 1)).astype(np.float32), None


def key_then_door(stream, arrived, cells):
    """Dark Key-to-Door: 1 for the first step onto the key, then 1 for the first later one onto the door."""
    on_key = arrived == cells[0]
    keys = stream.since_start(on_key)
    found = on_key & (keys == 1)
    on_door = (arrived == cells[1]) & (keys > 0) & ~found
    opens = on_door & (stream.since_start(on_door) == 1)
    return (found | opens).astype(np.float32), opens


RULES = {"dark-room": each_step, "dark-room-hard": once, "dark-key-to-door": key_then_door}


def check_ends(stream, opens, defects):
    """Truncated at the horizon and never elsewhere; terminated at the door where the settings say so."""
    horizon = stream.settings.get("horizon", HORIZONS[stream.environment])
    ends_at_door = opens is not None and stream.settings.get("ends_at_door", False)
    terminated = opens if ends_at_door else np.zeros(stream.count, bool)
    truncated = (stream.step == horizon - 1) & ~terminated
    for name, found, expected in [
        ("terminations", stream.terminations, terminated), ("truncations", stream.truncations, truncated),
    ]:
        defects.add_rows(
            name, found != expected,
            lambda row: f"step {stream.step[row]} of an episode of {horizon} has the flag {found[row]}, expected "
            f"{int(expected[row])}")


def check_starts(stream, size, defects):
    """From the centre; in Key-to-Door from any cell, of which the counts (size * size) are given back."""
    places = stream.observations[stream.starts].astype(int)
    if stream.environment == "dark-key-to-door":
        return np.bincount(places[:, 1] * size + places[:, 0], minlength=size * size)
    wrong = np.zeros(stream.count, bool)
    wrong[stream.starts] = (places != size // 2).any(axis=1)
    defects.add_rows(
        "starts", wrong,
        lambda row: f"an episode begins at {stream.observations[row].tolist()}, expected the centre, "
        f"[{size // 2}, {size // 2}]")
    return None
