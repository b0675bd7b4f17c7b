"""python -m distillery.exchange export|import: streams in the formats of others, and back."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ..histories import Histories, HistoriesError
from . import EnvironmentNames, Summary, export_minari, export_parquet, export_xland, import_minari, import_xland

_EXAMPLES = """examples:
  python -m distillery.exchange export --format minari runs/quickstart --out datasets/dark-room/a3c-v0
  python -m distillery.exchange export --format xland runs/quickstart --out dark-room.hdf5
  python -m distillery.exchange export --format parquet runs/quickstart --out dark-room
  python -m distillery.exchange import --format minari datasets/dark-room/a3c-v0 --out runs/imported
  python -m distillery.exchange import --format xland xland-trivial-20b.hdf5 --out runs/xland"""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        summary: Summary = options.run(options)
    except HistoriesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (OSError, RuntimeError) as error:
        # HDF5 says some faults of a disk with the latter.
        print(f"error: {options.out} cannot be written, or its source not be read: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was left behind", file=sys.stderr)
        return 130
    for note in summary.notes:
        print(f"note: {note}", file=sys.stderr)
    print(json.dumps(summary.document()) if options.json else summary)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m distillery.exchange",
        description="Learning histories in the formats of others, and theirs as histories.",
        epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="export|import")
    _add_export(
        verbs.add_parser(
            "export", help="write a run's streams in another format", epilog=_EXAMPLES, formatter_class=_SHAPE
        )
    )
    _add_import(
        verbs.add_parser(
            "import", help="write another format's data as streams of a run", epilog=_EXAMPLES, formatter_class=_SHAPE
        )
    )
    return parser


_SHAPE = argparse.RawDescriptionHelpFormatter


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="RUN", help="a run's folder, a folder of streams or one .h5 file")
    parser.add_argument("--format", required=True, choices=("minari", "xland", "parquet"))
    _add_common(parser, "a new folder (minari, parquet) or file (xland)")
    parser.add_argument("--split", choices=("train", "test"), help="only streams of such tasks")
    parser.add_argument(
        "--task", type=int, action="append", metavar="N", help="only streams of this task; may be repeated"
    )
    parser.add_argument("--id", metavar="ID", help="minari: the data set's id; by default the name of --out")
    parser.add_argument("--author", default="Distillery", help="minari: whose data they are")
    parser.add_argument(
        "--length",
        type=_positive,
        metavar="N",
        help="xland: transitions of each history; by default those of the shortest",
    )
    parser.add_argument(
        "--compression",
        type=int,
        choices=range(10),
        default=1,
        metavar="0-9",
        help="xland: level of deflate; 1 by default",
    )
    parser.set_defaults(run=_export)


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="SOURCE", help="minari: a data set's folder or its id; xland: a file")
    parser.add_argument("--format", required=True, choices=("minari", "xland"))
    _add_common(parser, "a new folder: the streams come into OUT/histories")
    parser.add_argument("--key", metavar="NAME", help="minari: which entry of a Dict of observations is taken")
    parser.add_argument("--round", action="store_true", help="minari: floats of 64 bits may be rounded to 32")
    parser.add_argument("--environment", metavar="NAME", help="the environment that streams of others are to name")
    parser.add_argument("--settings", metavar="JSON", help='its settings, such as \'{"horizon":20,"size":9}\'')
    parser.add_argument("--horizon", type=_positive, metavar="N", help="its longest episode")
    parser.set_defaults(run=_import)


def _add_common(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument("--out", required=True, metavar="OUT", help=out)
    parser.add_argument("--json", action="store_true", help="the result as one JSON document")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number above 0")
    return value


def _export(options: argparse.Namespace) -> Summary:
    histories = Histories(options.path).filter(task=options.task, split=options.split)
    for name in histories.quarantined:
        print(f"note: {name} is left out, it was damaged and moved aside", file=sys.stderr)
    for name in histories.elsewhere:
        print(f"note: {name} is left out, it lies where it cannot be read from here", file=sys.stderr)
    if options.format == "minari":
        return export_minari(histories, options.out, dataset_id=options.id, author=options.author)
    if options.format == "xland":
        return export_xland(histories, options.out, length=options.length, compression=options.compression)
    return export_parquet(histories, options.out)


def _import(options: argparse.Namespace) -> Summary:
    names = EnvironmentNames(options.environment, options.settings, options.horizon)
    if options.format == "minari":
        out = Path(options.out)
        return import_minari(options.path, out, key=options.key, rounds=options.round, environment=names)
    return import_xland(options.path, Path(options.out), environment=names)


if __name__ == "__main__":
    sys.exit(main())
