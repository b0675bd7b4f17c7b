#!/usr/bin/env python3
"""What PyTorch does with the same work, to compare `distillery bench` with.

    python3 scripts/bench_pytorch.py compare                  both in turn, and their ratios in one table
    python3 scripts/bench_pytorch.py distiller --names table-1
    python3 scripts/bench_pytorch.py collect                  one process, 100 Dark Room environments

Needs `torch` (CPU) and nothing else. A suite prints one JSON document in the format of `distillery bench --json` on
stdout, `compare` a table in Markdown; progress goes to stderr.
"""

import argparse
import json
import pathlib
import sys

import torch

# The package of this repository, whether it is installed or not.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "python"))

from pytorch_bench.collect import collect
from pytorch_bench.compare import SUITES, compare, measure
from pytorch_bench.measuring import machine


def print_suite(suite, results):
    json.dump({"suite": suite, "machine": machine(), "results": results}, sys.stdout, indent=2)
    print()


def add_measuring(parser):
    parser.add_argument("--names", nargs="+", help="only these rows of the suite")
    parser.add_argument("--arrangements", nargs="+", help="only arrangements whose names contain one of these")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a repetition, about")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    suites = parser.add_subparsers(dest="suite", required=True)
    for name, module in SUITES.items():
        suite = suites.add_parser(name, help=module.__doc__.split("\n")[0])
        add_measuring(suite)
        suite.set_defaults(run=lambda options: print_suite(options.suite, measure(options.suite, options)))

    both = suites.add_parser("compare", help="`distillery bench` and PyTorch in turn, a table of ratios")
    add_measuring(both)
    both.add_argument("--suites", nargs="+", choices=SUITES, default=list(SUITES))
    both.add_argument("--distillery", default=".build/release/distillery", help="the executable")
    both.add_argument("--keep", type=int, default=3, help="arrangements that go on after the first repetition")
    both.add_argument("--threads", type=int, help="of ours, where kernels and training take any number")
    both.set_defaults(run=compare)

    suite = suites.add_parser("collect", help="acting and learning, one process")
    suite.set_defaults(run=lambda options: print_suite("collect", collect(options)))
    suite.add_argument("--environments", type=int, default=100)
    suite.add_argument("--size", type=int, default=9, help="the room's side")
    suite.add_argument("--goal", type=int, nargs=2, default=(1, 2), metavar=("X", "Y"))
    suite.add_argument("--threads", type=int, nargs="+", default=[2, 1], help="measured one after the other")
    suite.add_argument("--updates", type=int, default=150, help="a repetition, each of 20 steps in every environment")
    suite.add_argument("--warm-up", type=int, default=30, help="updates before the clock starts")
    suite.add_argument("--repetitions", type=int, default=5)
    suite.add_argument("--learning-rate", type=float, default=1e-4)
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    arguments = parse()
    arguments.run(arguments)
