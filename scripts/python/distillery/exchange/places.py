"""Where an imported stream goes."""

from pathlib import Path

from ..histories import StreamPlace
from .attributes import Attributes
from .errors import ExchangeError


def place_of(folder: Path, attributes: Attributes, where: str) -> Path:
    """Below `folder`/histories. Raises `ExchangeError` where another stream has the place already."""
    numbers = []
    for name in ("task_id", "repetition", "actor"):
        number = attributes.get(name)
        if not isinstance(number, int) or not 0 <= number < 1 << 31:
            raise ExchangeError(f"{where}: attribute {name} should be a whole number of 31 bits, found {number!r}")
        numbers.append(number)
    path = folder / "histories" / StreamPlace(numbers[0], numbers[1], numbers[2]).path
    if path.exists():
        raise ExchangeError(
            f"{where}: there are two streams of task {numbers[0]}, lifetime {numbers[1]}, actor {numbers[2]}"
        )
    return path
