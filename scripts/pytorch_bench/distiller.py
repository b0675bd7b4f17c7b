"""Training of the sequence models: forward, backward, clipping and Adam on windows that lie ready in memory."""

import torch
from torch.nn import functional as F

from .measuring import Calls, Processes, processors, progress, threads_text
from .models import ACTIONS, MODELS, forward_operations, make_model, tokens, training_attention, windows

UNIT = "tokens_per_second"
BATCH = 64


def loss_sum(model, data, taught_of_batch):
    components, actions, rewards, masked, taught = data
    logits = model(components, actions, rewards, masked)
    losses = F.cross_entropy(
        logits.reshape(-1, ACTIONS), actions.reshape(-1), label_smoothing=0.1, reduction="none")
    return (losses * taught.reshape(-1)).sum() / taught_of_batch


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.9, 0.99), eps=1e-8, fused=True)


def eager(settings, threads, micro=BATCH, compiled=False):
    """One process; `micro` windows at a time, gradients accumulated."""
    torch.set_num_threads(threads)
    attention = None if compiled else training_attention(settings, micro)
    model = make_model(settings, attention).train()
    if attention is not None:
        progress(f"  {threads_text(threads)}, {micro} at a time: {attention.__name__}")
    optimizer = make_optimizer(model)
    data = windows(settings, BATCH)
    pieces = [[column[i : i + micro] for column in data] for i in range(0, BATCH, micro)]
    taught = float(data[4].sum())
    objective = torch.compile(loss_sum) if compiled else loss_sum

    def step():
        optimizer.zero_grad(set_to_none=len(pieces) == 1)
        for piece in pieces:
            objective(model, piece, taught).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return Calls(step, BATCH * tokens(settings), threads, 3 * BATCH * forward_operations(settings))


def share(index, count, barrier, settings, micro, compiled, shared):
    """A process's share of a step: its windows in micro-batches, then the mean gradient of all processes."""
    attention = None if compiled else training_attention(settings, micro)
    model = make_model(settings, attention).train()
    optimizer = make_optimizer(model)
    parameters = list(model.parameters())
    mine, total = shared[index], torch.zeros_like(shared[index])

    def views(flat):
        return [piece.view_as(p) for piece, p in zip(flat.split([p.numel() for p in parameters]), parameters)]

    accumulating, summed = views(mine), views(total)
    data = windows(settings, BATCH)
    taught = float(data[4].sum())
    own = [column[index * BATCH // count : (index + 1) * BATCH // count] for column in data]
    pieces = [[column[i : i + micro] for column in own] for i in range(0, len(own[0]), micro)]
    objective = torch.compile(loss_sum) if compiled else loss_sum

    def step():
        mine.zero_()
        for parameter, gradient in zip(parameters, accumulating):
            parameter.grad = gradient
        for piece in pieces:
            objective(model, piece, taught).backward()
        barrier.wait()
        torch.sum(shared, 0, out=total)
        barrier.wait()
        for parameter, gradient in zip(parameters, summed):
            parameter.grad = gradient
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return step


def processes(settings, micro, compiled=False):
    count = processors()
    size = sum(p.numel() for p in make_model(settings).parameters())
    shared = torch.zeros(count, size).share_memory_()
    return Processes(
        share, count, BATCH * tokens(settings), (settings, micro, compiled, shared),
        3 * BATCH * forward_operations(settings))


def configurations():
    """name -> (configuration, {arrangement: how to make it}); the first arrangement is plain eager."""
    count = processors()
    all_threads = threads_text(count)
    found = {}
    for name, settings in MODELS.items():
        found[name] = (
            {"batch_size": BATCH, **settings},
            {
                f"eager, {all_threads}": lambda s=settings: eager(s, count),
                "eager, 1 thread": lambda s=settings: eager(s, 1),
                f"eager, {all_threads}, 4 at a time": lambda s=settings: eager(s, count, micro=4),
                f"{count} processes, 4 at a time": lambda s=settings: processes(s, 4),
                f"{count} processes, 2 at a time": lambda s=settings: processes(s, 2),
                f"compiled, {all_threads}": lambda s=settings: eager(s, count, compiled=True),
                f"compiled, {count} processes, 4 at a time": lambda s=settings: processes(s, 4, compiled=True),
            },
        )
    return found
