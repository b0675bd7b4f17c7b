"""The distilled model acting in 64 copies: every action takes a forward pass over the whole window."""

import torch

from .measuring import Calls, Processes, processors, threads_text
from .models import ACTIONS, NARROW, FusedAttention, MaskedAttention, fastest, make_model, windows

UNIT = "transitions_per_second"
COPIES = 64


class Copies:
    """Windows of some copies; `act()` chooses an action for each and slides the windows by one transition."""

    def __init__(self, count, chunk):
        self.chunk = chunk
        self.components, self.actions, self.rewards, _, _ = windows(NARROW, count)
        self.model = make_model(NARROW, fastest([FusedAttention, MaskedAttention], self.timing)).eval()

    def timing(self, attention):
        model = make_model(NARROW, attention).eval()

        def run():
            with torch.inference_mode():
                model(self.components[: self.chunk], self.actions[: self.chunk], self.rewards[: self.chunk])

        return run

    def choose(self, length):
        logits = []
        for first in range(0, len(self.actions), self.chunk):
            rows = slice(first, first + self.chunk)
            logits.append(
                self.model(
                    self.components[rows, :length], self.actions[rows, :length], self.rewards[rows, :length])[:, -1])
        return torch.multinomial(torch.cat(logits).softmax(-1), 1)[:, 0]

    @torch.inference_mode()
    def act(self):
        self.actions[:, -1] = self.choose(NARROW["context_length"])
        for column in (self.components, self.actions, self.rewards):
            column[:, :-1] = column[:, 1:].clone()

    @torch.inference_mode()
    def grow(self):
        for length in range(1, NARROW["context_length"] + 1):
            self.actions[:, length - 1] = self.choose(length)


def share(index, count, barrier, chunk, growing):
    copies = Copies(COPIES // count, chunk)
    return copies.grow if growing else copies.act


def in_process(threads, chunk, growing):
    torch.set_num_threads(threads)
    copies = Copies(COPIES, chunk)
    units = COPIES * (NARROW["context_length"] if growing else 1)
    return Calls(copies.grow if growing else copies.act, units, threads)


def in_processes(chunk, growing):
    units = COPIES * (NARROW["context_length"] if growing else 1)
    return Processes(share, processors(), units, (chunk, growing))


def configurations():
    count = processors()
    all_threads = threads_text(count)
    found = {}
    for name, growing in [("full-windows", False), ("growing-windows", True)]:
        ways = {f"eager, {all_threads}": lambda g=growing: in_process(count, COPIES, g)}
        for chunk in (16, 4):
            ways[f"eager, {all_threads}, {chunk} at a time"] = lambda c=chunk, g=growing: in_process(count, c, g)
        for chunk in (8, 2):
            ways[f"{count} processes, {chunk} at a time"] = lambda c=chunk, g=growing: in_processes(c, g)
        found[name] = ({"copies": COPIES, "context_length": 100, "feed_forward": 256}, ways)
    return found
