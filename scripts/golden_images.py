"""Golden vectors of the image layers and the image encoder for Tests/NeuralTests; make_golden.py calls `main`."""

import json
import pathlib
import sys

import torch
from safetensors.torch import save
from torch import nn
from torch.nn import functional as F

# The package of this repository, whether it is installed or not.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "python"))

from distillery.image_encoders import ENCODERS as KINDS
from golden_layers import detached

FOLDER = pathlib.Path("Tests/NeuralTests/Golden")
IMAGES, RATE, BETAS, EPSILON, STEPS = 3, 3e-3, (0.9, 0.99), 1e-6, 10
# height, width, inputs, outputs, kernel, stride, padding, bias
CONVOLUTIONS = [
    (5, 7, 3, 16, 3, 1, 1, True), (5, 7, 3, 5, 1, 1, 0, False), (7, 6, 2, 17, 5, 2, 2, True),
    (6, 5, 4, 3, 3, 2, 0, False), (5, 5, 2, 3, 1, 2, 1, True), (4, 6, 16, 3, 3, 1, 2, True),
]
# height, width, channels, kernel, stride, padding
POOLS = [(7, 6, 3, 3, 2, 1), (6, 6, 17, 2, 2, 0), (5, 7, 2, 3, 1, 1), (7, 7, 2, 5, 3, 2)]
# kind, image, outputs of a linear layer behind it, settings
ENCODERS = {
    "plain": ("resnet", (11, 14, 3), 0, {"channels": [4, 17], "blocks": 1, "units": 5}),
    "batch-norm": ("resnet", (9, 12, 3), 3, {"channels": [5, 6], "units": 4, "batch_norm": True}),
    "other-sizes": (
        "resnet", (9, 10, 1), 0,
        {"channels": [3], "blocks": 1, "units": 3, "kernel": 5, "pool_kernel": 2, "pool_padding": 0, "batch_norm": True}),
    "table-3": ("conv", (18, 25, 3), 5, {"channels": [6, 17], "units": 8, "dropout": 0, "norm_decay": 0.9}),
    "table-3-valid": (
        "conv", (15, 16, 1), 0,
        {"channels": [5, 4], "kernel": 3, "pool_kernel": 3, "partial_pools": False, "units": 4, "dropout": 0,
         "norm_decay": 0.8, "norm_epsilon": 1e-3, "stride": 1}),
}


class Headed(nn.Module):
    """An encoder and a linear layer that reads its units rectified."""

    def __init__(self, encoder, units, outputs):
        super().__init__()
        self.encoder = encoder
        if outputs:
            self.head = nn.Linear(units, outputs)

    def forward(self, pixels):
        y = self.encoder(pixels)
        return self.head(F.relu(y)) if hasattr(self, "head") else y


def channels_last(x):
    """(N, C, H, W) in the order of ours: (N, H, W, C)."""
    return x.permute(0, 2, 3, 1) if x.dim() == 4 else x


def passes(function, x, parameters):
    """Output and gradients of a layer, given a random gradient of its output."""
    x = x.requires_grad_()
    y = function(x)
    dy = torch.randn_like(y)
    y.backward(dy)
    tensors = {"x": channels_last(x), "y": channels_last(y), "dy": channels_last(dy), "dx": channels_last(x.grad)}
    for name, value in parameters.items():
        tensors |= {name: value, f"d{name}": value.grad}
    return tensors


def convolution(height, width, inputs, outputs, kernel, stride, padding, bias):
    weight = torch.randn(outputs, inputs, kernel, kernel, requires_grad=True)
    parameters = {"weight": weight} | ({"bias": torch.randn(outputs, requires_grad=True)} if bias else {})
    return passes(
        lambda x: F.conv2d(x, weight, parameters.get("bias"), stride, padding),
        torch.randn(IMAGES, inputs, height, width), parameters)


def batch_norm(training):
    layer = nn.BatchNorm2d(18)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    nn.init.normal_(layer.running_mean)
    nn.init.uniform_(layer.running_var, 0.5, 2)
    layer.train(training)
    before = {"mean.before": layer.running_mean.clone(), "variance.before": layer.running_var.clone()}
    tensors = passes(
        layer, torch.randn(IMAGES, 18, 3, 5) * 2 + 1, {"gain": layer.weight, "shift": layer.bias})
    return tensors | before | {"mean.after": layer.running_mean, "variance.after": layer.running_var}


def layers():
    tensors = {}
    for index, shape in enumerate(CONVOLUTIONS):
        tensors |= {f"convolution.{index}.{name}": value for name, value in convolution(*shape).items()}
    for index, (height, width, channels, *window) in enumerate(POOLS):
        # Few different values, so that windows have ties.
        x = torch.randint(-3, 4, (IMAGES, channels, height, width)).float() - 3
        for name, value in passes(lambda x: F.max_pool2d(x, *window), x, {}).items():
            tensors[f"pool.{index}.{name}"] = value
    for mode in (True, False):
        for name, value in batch_norm(mode).items():
            tensors[f"norm.{'training' if mode else 'evaluation'}.{name}"] = value
    (FOLDER / "image-layers.safetensors").write_bytes(save(detached(tensors)))
    keys = "height", "width", "inputs", "outputs", "kernel", "stride", "padding"
    pool_keys = "height", "width", "channels", "kernel", "stride", "padding"
    description = {
        "torch": torch.__version__, "images": IMAGES, "convolutions": [dict(zip(keys, c)) for c in CONVOLUTIONS],
        "pools": [dict(zip(pool_keys, p)) for p in POOLS],
    }
    (FOLDER / "image-layers.json").write_text(json.dumps(description))


def encoder(title, kind, image, head, changes):
    settings = KINDS[kind].SETTINGS | changes
    model = Headed(KINDS[kind](image, settings), settings["units"], head)
    for name, parameter in model.named_parameters():
        nn.init.normal_(parameter, std=0.3 if parameter.dim() == 1 else (1.5 / parameter[0].numel()) ** 0.5)
        if "norm" in name and name.endswith("weight"):
            parameter.data += 1
    pixels = torch.randint(0, 256, (IMAGES, *image), dtype=torch.uint8)
    targets = torch.randn(IMAGES, head or settings["units"])
    kept = "running_mean", "running_var"
    plain = lambda name: name.removeprefix("encoder.")
    statistics = lambda: {plain(key): value for key, value in model.named_buffers() if key.endswith(kept)}
    tensors = {f"parameters.{plain(key)}": value.detach().clone() for key, value in model.named_parameters()}
    tensors |= {f"parameters.{key}": value.clone() for key, value in statistics().items()}
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, betas=BETAS, eps=EPSILON)
    losses = []
    for step in range(STEPS + 1):
        outputs = model(pixels)
        loss = (outputs - targets).square().mean()
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        if step == 0:
            tensors["outputs"] = outputs.detach().clone()
            tensors |= {f"gradients.{plain(key)}": value.grad.clone() for key, value in model.named_parameters()}
        if step < STEPS:
            optimiser.step()
    tensors |= {f"statistics.{key}": value for key, value in statistics().items()}
    model.eval()
    tensors["evaluation.outputs"] = model(pixels)
    (FOLDER / f"image-encoder-{title}.safetensors").write_bytes(save(detached(tensors)))
    description = {
        "torch": torch.__version__, "kind": kind, "settings": json.dumps(settings), "image": image, "head": head,
        "images": IMAGES, "rate": RATE, "beta1": BETAS[0], "beta2": BETAS[1], "epsilon": EPSILON,
        "pixels": pixels.flatten().tolist(), "targets": targets.flatten().tolist(), "losses": losses,
    }
    (FOLDER / f"image-encoder-{title}.json").write_text(json.dumps(description))


def main():
    torch.manual_seed(11)
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    layers()
    for title, (kind, image, head, settings) in ENCODERS.items():
        encoder(title, kind, image, head, settings)


if __name__ == "__main__":
    main()
