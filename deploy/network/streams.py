"""What a run has recorded, read without Distillery."""

import contextlib
import os

# A reader's lock would keep a recorder from recovering the file.
os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"
try:
    import h5py
except ImportError:
    # network.check_machine says so.
    h5py = None

from network import expect  # noqa: E402

# Of a row of `rollouts`: incarnation and wall clock differ between two runs that record the same.
INCARNATION, WALL_CLOCK = 4, 6


class Streams:
    """The table `rollouts` of each stream, as it is on disk: whatever was acknowledged by now is in it."""

    def __init__(self, folder):
        self.tables, self.row_counts = {}, {}
        for path in sorted(folder.rglob("*.h5")):
            # One that is being opened or sealed has nothing yet, or has another name in a moment.
            with contextlib.suppress(OSError, KeyError), h5py.File(path, "r", libver="latest", swmr=True) as file:
                name = str(path.relative_to(folder))
                self.tables[name] = file["rollouts"][:]
                self.row_counts[name] = len(file["actions"])
        self.rollouts = sum(len(table) for table in self.tables.values())

    def expect_order(self):
        for path, table in self.tables.items():
            following = 0
            for sequence, first, length, *_ in table.tolist():
                expect(first == following, path, "has steps twice, or lacks some, at rollout", sequence)
                following += length
            expect(following == self.row_counts[path], path, "has other rows than its rollouts say")
            numbers = table[:, 0].tolist()
            expect(all(a < b for a, b in zip(numbers, numbers[1:])), path, "has a rollout twice")

    def expect_all_of(self, earlier):
        for path, table in earlier.tables.items():
            now = self.tables.get(path)
            expect(now is not None and (now[:len(table)] == table).all() and len(now) >= len(table),
                   path, "lacks what it had")


def expect_same_lives(one, other):
    """Two folders of streams hold the same, but for when and by whom it was recorded."""
    paths = [sorted(path.relative_to(folder) for path in folder.rglob("*.h5")) for folder in [one, other]]
    expect(paths[0] == paths[1] and paths[0], "the runs have other streams")
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
