"""What a run has recorded, read without Distillery."""

import contextlib

from drills import expect, h5py


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
