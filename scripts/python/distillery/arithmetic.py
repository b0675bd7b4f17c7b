"""What a model computes, as `distillery bench` counts it: products alone, 2 operations for each weight and row."""

from typing import Any


def is_lstm(model: dict[str, Any]) -> bool:
    return model.get("name") == "lstm"


def tokens(model: dict[str, Any]) -> int:
    """Steps of the sequence that a window is."""
    return model["context_length"] * (3 if model.get("token_layout") == "separate" else 1)


def forward_operations(model: dict[str, Any], actions: int) -> int:
    """Of a forward pass over one window: linear layers, and the causal half of attention's products; without an encoder of
    images. Training takes three times as many."""
    if is_lstm(model):
        return lstm_forward_operations(model, actions)
    d, t = model["dimension"], tokens(model)
    block = 4 * d * d + 2 * d * model["feed_forward"]
    linear = 2 * (t * model["layers"] * block + model["context_length"] * d * actions)
    return linear + model["layers"] * 2 * t * (t + 1) * d


def lstm_forward_operations(model: dict[str, Any], actions: int) -> int:
    """Nothing follows a window's last transition, so that the LSTM has a step less than the MLP."""
    c, e, h, w = (model[key] for key in ("context_length", "embedding", "units", "mlp_width"))
    step = 4 * h * (3 * e + h) + (model["layers"] - 1) * 4 * h * 2 * h
    row = (h + e) * w + (model["mlp_depth"] - 1) * w * w + w * actions
    return 2 * (step * (c - 1) + row * c)
