"""Where streams lie: one actor's experience in order is one stream, and one stream is one file."""

import re
from dataclasses import dataclass

_HISTORY = re.compile(r"(?:^|/)task-(\d{5,})/lifetime-(\d{3,})/actor-(\d{4,})\.h5$")
_EVALUATION = re.compile(r"(?:^|/)([A-Za-z0-9_-]{1,64})/task-(\d{5,})/seed-(\d{2,})\.h5$")


@dataclass(frozen=True, order=True)
class StreamPlace:
    """A task, the number of a lifetime on it, and an actor in it; in an evaluation the actor is the seed's number.

    `evaluation`: its name; None for a learning history.
    """

    task: int
    lifetime: int
    actor: int
    evaluation: str | None = None

    @staticmethod
    def of(path: str) -> "StreamPlace | None":
        """The place that a path ends with; None for a file with another name. Only the exact spelling is accepted."""
        if found := _HISTORY.search(path):
            place = StreamPlace(int(found[1]), int(found[2]), int(found[3]))
        elif found := _EVALUATION.search(path):
            place = StreamPlace(int(found[2]), 0, int(found[3]), found[1])
        else:
            return None
        return place if path.endswith(place.path) else None

    @property
    def path(self) -> str:
        """Below the folder of histories, or of evaluations: `task-00042/lifetime-000/actor-0007.h5`."""
        if self.evaluation is None:
            return f"task-{self.task:05}/lifetime-{self.lifetime:03}/actor-{self.actor:04}.h5"
        return f"{self.evaluation}/task-{self.task:05}/seed-{self.actor:02}.h5"
