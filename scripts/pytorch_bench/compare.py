"""`distillery bench` and PyTorch in turn on the same machine, and their ratios in one table."""

import json
import statistics
import subprocess

from . import acting, distiller, evaluator, kernels
from .measuring import Timer, progress, result

SUITES = {"kernels": kernels, "distiller": distiller, "acting": acting, "evaluator": evaluator}


def unit_of(suite, name):
    return getattr(SUITES[suite], "UNITS", {}).get(name, SUITES[suite].UNIT)


def make_timers(name, ways, seconds):
    """A timer for every arrangement that works here; why the others do not goes to stderr."""
    timers = {}
    for arrangement, make in ways.items():
        try:
            timer = Timer(make(), seconds)
            rate = timer.repetition()
        except Exception as error:
            progress(f"{name}: {arrangement} does not work here: {type(error).__name__}: {str(error)[:300]}")
            continue
        timer.rates.clear()
        timers[arrangement] = timer
        progress(f"{name}: {arrangement}: {rate:,.4g} in the warm-up")
    return timers


def selected(suite, names):
    found = SUITES[suite].configurations()
    unknown = [name for name in names or [] if name not in found]
    if unknown:
        raise SystemExit(f"--names: {', '.join(unknown)} unknown, expected {', '.join(found)}")
    return {name: found[name] for name in names or found}


def measure(suite, options):
    """A suite in PyTorch alone."""
    results = []
    for name, (configuration, ways) in selected(suite, options.names).items():
        timers = make_timers(name, filtered(ways, options.arrangements), options.seconds)
        for _ in range(options.repetitions):
            for timer in timers.values():
                timer.repetition()
        for arrangement, timer in timers.items():
            results.append(result(name, arrangement, configuration, unit_of(suite, name), timer))
            timer.arrangement.close()
    return results


def filtered(ways, words):
    return {name: make for name, make in ways.items() if not words or any(word in name for word in words)}


def ours(options, suite, name):
    """One repetition of one row of `distillery bench`, as its JSON has it."""
    unit = unit_of(suite, name)
    command = [options.distillery, "bench", suite, "--json", "--repetitions", "1"]
    if suite == "distiller":
        command += ["--models", name]
    if suite == "kernels":
        command += ["--only", name]
    images = name == "q-lambda-images"
    if images:
        command += ["--images"]
    if options.threads and (suite in ("distiller", "kernels") or images):
        command += ["--threads", str(options.threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return next(entry for entry in json.loads(done.stdout)["results"] if entry["name"] == name and unit in entry)


def compare(options):
    """Rows of the table: each repetition measures Distillery and then every arrangement that is left."""
    for suite in options.suites:
        print(f"\n{suite}, {SUITES[suite].UNIT.replace('_', ' ')}\n")
        print("| | Distillery | of the peak | MB | PyTorch eager | MB | ratio | PyTorch's best | | ratio |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
        for name, (_, ways) in SUITES[suite].configurations().items():
            if options.names and name not in options.names:
                continue
            timers = make_timers(name, filtered(ways, options.arrangements), options.seconds)
            if not timers:
                continue
            runs, eager, unit = [], next(iter(timers)), unit_of(suite, name)
            for repetition in range(options.repetitions):
                runs.append(ours(options, suite, name))
                for timer in timers.values():
                    timer.repetition()
                progress(f"{name}, repetition {repetition + 1}: {runs[-1][unit]:,.4g} against " + ", ".join(
                    f"{timer.rates[-1]:,.4g} ({arrangement})" for arrangement, timer in timers.items()))
                if repetition == 0:
                    prune(timers, eager, options.keep)
            print(row(name, unit, runs, timers, eager), flush=True)
            for timer in timers.values():
                timer.arrangement.close()


def prune(timers, eager, keep):
    """After the first repetition, plain eager and the best go on."""
    best = sorted(timers, key=lambda name: -timers[name].rates[0])[:keep]
    for name in [name for name in timers if name != eager and name not in best]:
        timers.pop(name).arrangement.close()


def row(name, unit, runs, timers, eager):
    rates = [run[unit] for run in runs]
    median = {arrangement: statistics.median(timer.rates) for arrangement, timer in timers.items()}
    best = max(median, key=median.get)

    def ratio(arrangement):
        ratios = [mine / theirs for mine, theirs in zip(rates, timers[arrangement].rates)]
        return f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"

    shares = [run["measured"]["share_of_peak"] for run in runs if "share_of_peak" in run.get("measured", {})]
    memory = [run["measured"]["resident_megabytes"] for run in runs if "resident_megabytes" in run.get("measured", {})]
    cells = [
        name, number(statistics.median(rates)), f"{100 * statistics.median(shares):.0f} %" if shares else "",
        f"{max(memory):.0f}" if memory else "", number(median[eager]),
        f"{timers[eager].memory:.0f}" if memory else "", ratio(eager), number(median[best]), best, ratio(best),
    ]
    return "| " + " | ".join(cells) + " |"


def number(rate):
    return f"{rate:.1f}" if rate < 1000 else f"{rate:,.0f}"
