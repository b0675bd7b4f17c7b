#!/usr/bin/env python3
"""Checks every recorded transition of a run by rules that were written apart from the environments.

    python3 scripts/check_transitions.py runs/quickstart

It goes over all streams below a folder, histories and evaluations, growing files included: moves and walls, rewards,
ends, first and final observations, splits and tasks, and whether chance did what it should. Needs h5py and numpy, as
Debian's python3-h5py has them. Exit status 1 where there is a defect, 2 where there is no stream. Checksums are
`distillery histories verify`'s to check, and whether an environment repeats a stream `replay`'s.
"""

import argparse
import os
import sys

try:
    from transition_check import whole_run
except ModuleNotFoundError as error:
    sys.exit(f"check_transitions: {error}; Debian has it in python3-h5py, for /usr/bin/python3")

SHOWN = 20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="a run, or any folder with streams in it")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many share the files")
    options = parser.parse_args()
    found, together, starts = whole_run.check_folder(
        options.folder, options.processes, lambda line: print(line, file=sys.stderr))
    if not found:
        print(f"check_transitions: there is no stream in {options.folder}", file=sys.stderr)
        return 2
    print_counts(found, starts)
    return print_defects(found, together)


def print_counts(found, starts):
    counts = {}
    for entry in found:
        name = entry.stream["environment"] if entry.stream else "unreadable"
        name += "" if entry.is_known else " (its rules are not known here)"
        total = counts.setdefault(name, [0] * 5)
        numbers = [1, entry.transitions, entry.episodes, entry.gaps, entry.cut_episodes]
        counts[name] = [sum(pair) for pair in zip(total, numbers)]
    for name, (streams, transitions, episodes, gaps, cut) in sorted(counts.items()):
        print(
            f"{name}: {streams} streams, {transitions} transitions, {episodes} finished episodes, {gaps} changes of "
            f"carrier, {cut} cut episodes")
    for environment, episodes, cells, statistic, probability in starts:
        print(
            f"{environment}: first cells of {episodes} episodes over {cells} cells, chi-square {statistic:.1f}, "
            f"p {probability:.3f}")


def print_defects(found, together):
    """The first of each kind in each stream, up to a bound; the exit status."""
    lines = [
        f"{entry.path}: {kind} ({count}): {entry.defects.first[kind]}"
        for entry in found for kind, count in entry.defects.counts.items()
    ] + [f"all together: {kind} ({count}): {together.first[kind]}" for kind, count in together.counts.items()]
    for line in lines[:SHOWN]:
        print(line)
    if len(lines) > SHOWN:
        print(f"and {len(lines) - SHOWN} more")
    total = sum(sum(defects.counts.values()) for defects in [entry.defects for entry in found] + [together])
    print(f"{total} defects")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
