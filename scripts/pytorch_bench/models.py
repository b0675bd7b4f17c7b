"""The distilled models for timing: its settings, its attention in the faster of two ways, random windows."""

import math
import time

import torch
from torch.nn import functional as F

from distillery import arithmetic
from distillery.arithmetic import is_lstm, tokens
from distillery.models import Attention, FusedAttention, LSTMModel, Transformer

COMPONENTS = [9, 9]
ACTIONS = 5
TABLE_1 = {
    "dimension": 64, "layers": 4, "heads": 4, "feed_forward": 2048, "context_length": 100, "token_layout": "merged",
    "embedding_dropout": 0.1, "attention_dropout": 0.5, "residual_dropout": 0.1,
}
NARROW = {**TABLE_1, "feed_forward": 256}
LSTM_AD = {
    "name": "lstm", "context_length": 100, "embedding": 64, "units": 512, "layers": 1, "mlp_depth": 2, "mlp_width": 256,
    "embedding_dropout": 0, "unit_dropout": 0,
}
MODELS = {
    "table-1": TABLE_1, "feed-forward-256": NARROW, "separate-tokens": {**NARROW, "token_layout": "separate"},
    "lstm-ad": LSTM_AD,
}


def forward_operations(settings):
    """Of one window, as `distillery bench` counts."""
    return arithmetic.forward_operations(settings, ACTIONS)


class MaskedAttention(Attention):
    """The reference's, with its mask made once."""

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (
            part.view(b, t, self.heads, d // self.heads).transpose(1, 2) for part in self.in_proj(x).chunk(3, -1))
        if not hasattr(self, "future") or self.future.shape[0] != t:
            self.future = torch.full((t, t), -math.inf).triu(1)
        scores = torch.add(self.future, q @ k.transpose(-2, -1), alpha=1 / math.sqrt(d // self.heads))
        weights = F.dropout(scores.softmax(-1), self.dropout, self.training)
        return self.out_proj((weights @ v).transpose(1, 2).reshape(b, t, d))


def make_model(settings, attention=None):
    torch.manual_seed(0)
    if is_lstm(settings):
        return LSTMModel(COMPONENTS, ACTIONS, settings)
    model = Transformer(COMPONENTS, ACTIONS, settings)
    if attention is not None:
        for block in model.blocks:
            block.attention.__class__ = attention
    return model


def windows(settings, count):
    """components, actions, rewards, masked and taught of random windows."""
    torch.manual_seed(1)
    t = settings["context_length"]
    shape = (count, t) if settings.get("token_layout") == "merged" else (count, t, 2)
    return (
        torch.stack([torch.randint(0, n, (count, t)) for n in COMPONENTS], -1),
        torch.randint(0, ACTIONS, (count, t)), (torch.rand(count, t) < 0.25).float(), torch.rand(shape) < 0.3,
        torch.arange(t).expand(count, t) >= t // 2,
    )


def fastest(candidates, run):
    """The candidate with which `run` takes the least time, the better of two calls each."""
    best = {}
    for candidate in candidates:
        call = run(candidate)
        call()
        times = []
        for _ in range(2):
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
        best[candidate] = min(times)
    return min(best, key=best.get)


def training_attention(settings, sequences):
    """The faster attention for a forward and backward pass over `sequences` windows with the threads as they are."""
    if is_lstm(settings):
        return None

    def run(attention):
        # A few windows tell as well as many.
        model, data = make_model(settings, attention).train(), windows(settings, min(sequences, 16))
        return lambda: model(*data[:4]).sum().backward()

    return fastest([Attention, MaskedAttention, FusedAttention], run)
