"""What an export or an import did, and how far it is."""

import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TextIO

_QUIET_SECONDS = 2.0
_PLAIN_SECONDS = 10.0
_TERMINAL_SECONDS = 0.2


@dataclass
class Summary:
    """`bytes`: of the columns of the streams, uncompressed. `left_out_episodes`: not shown to the other format's readers,
    since they were cut or are unfinished; they are kept beside it. `notes`: what somebody who reads it should know."""

    format: str
    path: str
    streams: int = 0
    transitions: int = 0
    episodes: int = 0
    left_out_episodes: int = 0
    bytes: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    def document(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)

    def __str__(self) -> str:
        rate = f", {self.bytes / 1e6 / self.seconds:.1f} MB/s" if self.seconds > 0 else ""
        left = f" ({self.left_out_episodes} cut or unfinished ones kept aside)" if self.left_out_episodes else ""
        return (
            f"{self.path}: {self.streams} streams, {self.transitions} transitions, {self.episodes} episodes{left}, "
            f"{self.bytes / 1e6:.1f} MB in {self.seconds:.1f} s{rate}"
        )


class Progress:
    """Says on standard error how far the work is, once it takes more than two seconds: a line that changes on a
    terminal, a line every ten seconds elsewhere."""

    def __init__(self, what: str, total: int, *, to: TextIO | None = None) -> None:
        """`total`: streams, or whatever `advance` counts."""
        self.what, self.total, self.done = what, total, 0
        self._to = to or sys.stderr
        self._begun = time.monotonic()
        self._next = self._begun + _QUIET_SECONDS
        self._is_terminal = self._to.isatty()
        self._said = False

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun

    def advance(self, summary: Summary, *, by: int = 0) -> None:
        self.done += by
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (_TERMINAL_SECONDS if self._is_terminal else _PLAIN_SECONDS)
        self._said = True
        rate = summary.bytes / 1e6 / max(1e-9, now - self._begun)
        line = f"{self.what}: {self.done} of {self.total} streams, {summary.transitions} transitions, {rate:.1f} MB/s"
        print(
            f"\r{line}\x1b[K" if self._is_terminal else line,
            end="" if self._is_terminal else "\n",
            file=self._to,
            flush=True,
        )

    def end(self, summary: Summary) -> None:
        summary.seconds = self.seconds
        if self._said and self._is_terminal:
            print("\r\x1b[K", end="", file=self._to, flush=True)
