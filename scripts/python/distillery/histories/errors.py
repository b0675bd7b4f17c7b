"""What goes wrong with streams, in words for people."""

from pathlib import Path


class HistoriesError(Exception):
    """Histories that cannot be listed, read or learnt from: says what was expected and what came."""


class StreamError(HistoriesError):
    """One file that is no stream, or no whole one. `path` is the file, `problem` what is wrong with it."""

    def __init__(self, path: str | Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = Path(path)
        self.problem = problem
