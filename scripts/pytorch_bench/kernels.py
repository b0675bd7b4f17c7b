"""The operators that a network is made of, each alone on one thread, with the work counted as `distillery bench` does."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from distillery.image_encoders import ENCODERS
from distillery.models import MLP

from .collect import ActorCritic
from .measuring import Calls, processors, threads_text

UNIT = "gflops"
# Rows that are measured in another unit.
UNITS = {
    **{f"encoder-{kind}": "frames_per_second" for kind in ENCODERS}, "lstm-acting": "transitions_per_second", "lstm-update": "transitions_per_second",
}
IMAGES, IMAGE = 320, (72, 96, 3)
ROWS, D, HEAD, PANEL, ACTORS, PARAMETERS = 100, 64, 16, 64, 50, 1_132_000


def calls(body, operations):
    # A round's yield is counted in GFLOP, so that rates are GFLOP/s.
    many = max(1, int(2e7 / operations))

    def rounds():
        for _ in range(many):
            body()

    return Calls(rounds, many * operations / 1e9, 1)


def product(outputs, kind):
    x, w, y = torch.rand(ROWS, D), torch.rand(outputs, D), torch.rand(ROWS, outputs)
    body = {
        "forward": lambda: torch.mm(x, w.t(), out=y),
        "input-gradient": lambda: torch.mm(y, w, out=x),
        "weight-gradient": lambda: w.addmm_(y.t(), x),
    }[kind]
    return calls(torch.no_grad()(body), 2 * ROWS * D * outputs)


def attention(tokens, backward):
    q, k, v = (torch.rand(1, 1, tokens, HEAD, requires_grad=backward) for _ in range(3))
    future = torch.full((tokens, tokens), -math.inf).triu(1)

    def attend():
        scores = torch.add(future, q @ k.transpose(-2, -1), alpha=1 / math.sqrt(HEAD))
        return F.dropout(scores.softmax(-1), 0.5, True) @ v

    return operator(attend, (q, k, v), backward, 2 * tokens * (tokens + 1) * HEAD, 4 * tokens * (tokens + 1) * HEAD)


def operator(forward, inputs, backward, forward_operations, backward_operations):
    if not backward:
        return calls(torch.no_grad()(forward), forward_operations)
    y = forward()
    dy = torch.rand_like(y)
    return calls(lambda: torch.autograd.grad(y, inputs, dy, retain_graph=True), backward_operations)


def feed_forward(hidden, backward):
    x, layer = torch.rand(ROWS, D, requires_grad=backward), MLP(D, hidden)
    return operator(
        lambda: layer(x), (x, *layer.parameters()), backward, 4 * ROWS * D * hidden, 8 * ROWS * D * hidden)


def residual_norm(backward):
    x, z, bias = (torch.rand(*shape, requires_grad=backward) for shape in [(ROWS, D), (ROWS, D), (D,)])
    norm = nn.LayerNorm(D)
    return operator(
        lambda: norm(x + F.dropout(z + bias, 0.1, True)), (x, z, bias, norm.weight, norm.bias), backward,
        11 * ROWS * D, 14 * ROWS * D)


def gelu(backward):
    a, bias = torch.rand(ROWS, PANEL, requires_grad=backward), torch.rand(PANEL, requires_grad=backward)
    return operator(
        lambda: F.gelu(a + bias, approximate="tanh"), (a, bias), backward, 10 * ROWS * PANEL, 18 * ROWS * PANEL)


def adam():
    parameters = torch.rand(PARAMETERS, requires_grad=True)
    parameters.grad = torch.full_like(parameters, 0.01)
    optimizer = torch.optim.Adam([parameters], lr=1e-4, betas=(0.9, 0.99), fused=True)
    return calls(optimizer.step, 14 * PARAMETERS)


def cross_entropy():
    logits, targets = torch.rand(ROWS, 5, requires_grad=True), torch.arange(ROWS) % 5

    def body():
        torch.autograd.grad(F.cross_entropy(logits, targets, label_smoothing=0.1), logits)

    return calls(body, 8 * ROWS * 5)


def perceptron_product():
    x, layer = torch.rand(ACTORS, 128), nn.Linear(128, 128)
    return calls(torch.inference_mode()(lambda: layer(x).relu_()), 2 * ACTORS * 128 * 128)


def perceptron_forward():
    x, network = torch.rand(ACTORS, 18), ActorCritic(18)
    operations = ACTORS * (2 * 128 + 2 * 2 * 128 * 128 + 2 * 128 * 6)
    return calls(torch.inference_mode()(lambda: network(x)), operations)


def lstm(backward):
    steps, sequences, inputs, units = 100, 32, 256, 256
    layer = nn.LSTM(inputs, units)
    x, dy = torch.rand(steps, sequences, inputs, requires_grad=backward), torch.rand(steps, sequences, units)
    operations = 2 * steps * sequences * 4 * units * (inputs + units)
    if not backward:
        return calls(torch.inference_mode()(lambda: layer(x)), operations)

    def body():
        layer.zero_grad(set_to_none=True)
        x.grad = None
        layer(x)[0].backward(dy)

    return calls(body, 3 * operations)


class RecurrentPolicy(nn.Module):
    """2 layers of 256 units over 32 inputs, heads for 5 actions and a value; 256 actors."""

    ACTORS, INPUTS, UNITS, LAYERS, HEADS = 256, 32, 256, 2, 6
    # Of a step of one actor, forward.
    OPERATIONS = 2 * (4 * UNITS * (INPUTS + 3 * UNITS) + UNITS * HEADS)

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(self.INPUTS, self.UNITS, self.LAYERS)
        self.heads = nn.Linear(self.UNITS, self.HEADS)

    def forward(self, x, state):
        units, state = self.lstm(x, state)
        return self.heads(units), state

    def state(self):
        return tuple(torch.zeros(self.LAYERS, self.ACTORS, self.UNITS) for _ in range(2))


def lstm_acting(threads):
    torch.set_num_threads(threads)
    policy = RecurrentPolicy()
    x, state = torch.rand(1, policy.ACTORS, policy.INPUTS), policy.state()

    @torch.inference_mode()
    def body():
        nonlocal state
        _, state = policy(x, state)

    return Calls(body, policy.ACTORS, threads, policy.ACTORS * policy.OPERATIONS)


def lstm_update(threads):
    torch.set_num_threads(threads)
    policy, steps = RecurrentPolicy(), 20
    x, dy = torch.rand(steps, policy.ACTORS, policy.INPUTS), torch.rand(steps, policy.ACTORS, policy.HEADS)
    state = policy.state()
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-6, betas=(0.9, 0.99), fused=True)

    def body():
        optimizer.zero_grad(set_to_none=True)
        policy(x, state)[0].backward(dy)
        optimizer.step()

    rows = steps * policy.ACTORS
    return Calls(body, rows, threads, 3 * rows * policy.OPERATIONS)


def encode(kind, images, memory_format):
    """A forward and backward pass; as in training, gradients of the parameters alone."""
    torch.manual_seed(0)
    model = ENCODERS[kind](IMAGE).to(memory_format=memory_format)
    pixels = torch.randint(0, 256, (images, *IMAGE), dtype=torch.uint8)
    dy = torch.rand(images, model.linear.out_features)

    def body():
        model.zero_grad(set_to_none=True)
        model(pixels, memory_format).backward(dy)

    return body


def encoder(kind, threads, memory_format=torch.contiguous_format):
    torch.set_num_threads(threads)
    return Calls(encode(kind, IMAGES, memory_format), IMAGES, threads)


def configurations():
    kernels = {}
    for name, outputs in [("qkv", 3 * D), ("out", D)]:
        for kind in ("forward", "input-gradient", "weight-gradient"):
            kernels[f"{name}-{kind}"] = lambda o=outputs, k=kind: product(o, k)
    for hidden in (256, 2048):
        kernels[f"feed-forward-{hidden}-forward"] = lambda h=hidden: feed_forward(h, False)
        kernels[f"feed-forward-{hidden}-backward"] = lambda h=hidden: feed_forward(h, True)
    for tokens in (100, 300):
        kernels[f"attention-{tokens}-forward"] = lambda t=tokens: attention(t, False)
        kernels[f"attention-{tokens}-backward"] = lambda t=tokens: attention(t, True)
    kernels["residual-norm-forward"] = lambda: residual_norm(False)
    kernels["residual-norm-backward"] = lambda: residual_norm(True)
    kernels["bias-gelu-forward"] = lambda: gelu(False)
    kernels["bias-gelu-backward"] = lambda: gelu(True)
    kernels["adam"], kernels["cross-entropy"] = adam, cross_entropy
    kernels["perceptron-product"], kernels["perceptron-forward"] = perceptron_product, perceptron_forward
    kernels["lstm-forward"], kernels["lstm-training"] = lambda: lstm(False), lambda: lstm(True)
    found = {name: ({}, {"eager, 1 thread": make}) for name, make in kernels.items()}
    count = processors()
    for name, make in [("lstm-acting", lstm_acting), ("lstm-update", lstm_update)]:
        found[name] = (
            {"actors": RecurrentPolicy.ACTORS, "units": RecurrentPolicy.UNITS, "layers": RecurrentPolicy.LAYERS},
            {f"eager, {threads_text(threads)}": lambda m=make, t=threads: m(t) for threads in sorted({count, 1})[::-1]},
        )
    for kind in ENCODERS:
        found[f"encoder-{kind}"] = (
            {"images": IMAGES, "height": IMAGE[0], "width": IMAGE[1]},
            {
                f"eager, {threads_text(count)}": lambda k=kind: encoder(k, count),
                f"eager, {threads_text(count)}, channels last": lambda k=kind: encoder(k, count, torch.channels_last),
            },
        )
    return found
