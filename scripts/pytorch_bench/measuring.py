"""What all suites share: repetitions, processes beside each other, the machine."""

import os
import platform
import statistics
import sys
import time

import torch


class Arrangement:
    """One way of doing a suite's work: `round()` does one round of it, `units` is what a round yields.

    `close()` ends whatever it started. `threads`: PyTorch's threads in this process while it runs.
    """

    threads = 1
    units = 0.0
    operations = None

    def round(self):
        raise NotImplementedError

    def memory(self):
        """Resident megabytes of all its processes."""
        return resident_megabytes()

    def close(self):
        pass


class Calls(Arrangement):
    """Calls a function in this process."""

    def __init__(self, body, units, threads, operations=None):
        self.round, self.units, self.threads, self.operations = body, units, threads, operations


class Processes(Arrangement):
    """Processes that each do their share of a round. `work(index, count, *arguments)` makes a share: a function."""

    def __init__(self, work, count, units, arguments=(), operations=None):
        self.units, self.operations = units, operations
        context = torch.multiprocessing.get_context("spawn")
        barrier = context.Barrier(count)
        self.pipes, self.processes = [], []
        for index in range(count):
            mine, theirs = context.Pipe()
            process = context.Process(
                target=serve, args=(theirs, work, index, count, barrier, *arguments), daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(mine)
            self.processes.append(process)
        self.wait()

    def ask(self, question):
        for pipe in self.pipes:
            pipe.send(question)
        return self.wait()

    def wait(self):
        answers = [pipe.recv() for pipe in self.pipes]
        for answer in answers:
            if isinstance(answer, str):
                self.close()
                raise RuntimeError(answer)
        return answers

    def round(self):
        self.ask("round")

    def memory(self):
        return sum(self.ask("memory"))

    def close(self):
        for pipe in self.pipes:
            pipe.close()
        for process in self.processes:
            process.join(10)
            if process.is_alive():
                process.kill()


def serve(pipe, work, index, count, barrier, *arguments):
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        share = work(index, count, barrier, *arguments)
        pipe.send(0.0)
        while True:
            question = pipe.recv()
            if question == "memory":
                pipe.send(resident_megabytes())
            else:
                share()
                pipe.send(0.0)
    except EOFError:
        return
    except Exception as error:
        barrier.abort()
        pipe.send(f"{type(error).__name__}: {error}")


class Timer:
    """Times an arrangement in repetitions of at least `seconds`; the first call warms it up."""

    def __init__(self, arrangement, seconds):
        self.arrangement, self.seconds = arrangement, seconds
        self.rates, self.rounds, self.memory = [], None, 0.0

    def repetition(self):
        torch.set_num_threads(self.arrangement.threads)
        if self.rounds is None:
            self.arrangement.round()
            begin, rounds = time.perf_counter(), 0
            while time.perf_counter() - begin < self.seconds / 2:
                self.arrangement.round()
                rounds += 1
            self.rounds = max(1, round(rounds * self.seconds / (time.perf_counter() - begin)))
            self.memory = self.arrangement.memory()
        begin = time.perf_counter()
        for _ in range(self.rounds):
            self.arrangement.round()
        seconds = time.perf_counter() - begin
        self.rates.append(self.rounds * self.arrangement.units / seconds)
        return self.rates[-1]


def result(name, arrangement_name, configuration, unit, timer):
    """One row in the format of `distillery bench --json`."""
    entry = {
        "name": name,
        "configuration": {**configuration, "arrangement": arrangement_name},
        unit: statistics.median(timer.rates),
        "spread": {unit: spread(timer.rates)},
        "measured": {"resident_megabytes": timer.memory},
    }
    if timer.arrangement.operations and unit != "gflops":
        each = timer.arrangement.operations / timer.arrangement.units / 1e9
        rates = [rate * each for rate in timer.rates]
        entry["gflops"] = statistics.median(rates)
        entry["spread"]["gflops"] = spread(rates)
    return entry


def spread(rates):
    return {"minimum": min(rates), "maximum": max(rates), "repetitions": len(rates)}


def progress(text):
    print(text, file=sys.stderr, flush=True)


def resident_megabytes():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith("VmRSS"))


def processors():
    return len(os.sched_getaffinity(0))


def threads_text(count):
    return "1 thread" if count == 1 else f"{count} threads"


def machine():
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            name = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "processor": name, "processors": processors(), "system": platform.platform(),
        "python": platform.python_version(), "torch": torch.__version__,
    }
