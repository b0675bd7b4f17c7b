"""``python -m distillery.environment``: one environment in a process of its own."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from typing import Any

from .making import EnvironmentMaker
from .server import Server


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"expected a JSON object, found {text[:80]!r}: {error}") from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"expected a JSON object, found {text[:80]!r}")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m distillery.environment",
        description="Serves an environment to Distillery's actors, which start it by themselves or connect to it.",
        epilog="Example: python -m distillery.environment --gymnasium CartPole-v1 --endpoint tcp://127.0.0.1:5600",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--gymnasium", metavar="ID", help="an id of Gymnasium's; MODULE:ID imports a module first")
    which.add_argument("--class", dest="factory", metavar="MODULE:CLASS", help="a class of your own")
    parser.add_argument(
        "--arguments", type=_object, default={}, metavar="JSON", help="keyword arguments that all tasks have, an object")
    parser.add_argument(
        "--wrapper", action="append", default=[], metavar="MODULE:CLASS", help="put around each copy; may be repeated")
    parser.add_argument("--endpoint", required=True, help="where to listen: ipc:///path, tcp://127.0.0.1:5600")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Serves until it is ended; 1 where the environment cannot be made, and says why."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    try:
        maker = EnvironmentMaker(
            gymnasium_id=options.gymnasium,
            factory=options.factory,
            arguments=options.arguments,
            wrappers=options.wrapper,
        )
        server = Server(maker)
    except Exception as error:
        logging.getLogger("distillery.environment").debug("cannot make the environment", exc_info=True)
        print(f"cannot make {options.gymnasium or options.factory}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    try:
        server.run(options.endpoint)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
