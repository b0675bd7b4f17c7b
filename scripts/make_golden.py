"""Makes the golden vectors that the tests compare the networks with, those of the sequence models here. Run it from the
repository's root with a Python that has torch and safetensors: `python scripts/make_golden.py`, or with the names of models, such as
`lstm-deep`, for theirs alone. The files are small and committed."""

import json
import pathlib
import sys

import torch
from safetensors.torch import save
from torch.nn import functional as F

# The package of this repository, whether it is installed or not.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "python"))

import golden_images
import golden_layers
from distillery.models import MODELS as KINDS
from golden_layers import detached

FOLDER = pathlib.Path("Tests/DistillationTests/Golden")
COUNTS, ACTIONS, BATCH, CONTEXT = [5, 4], 3, 3, 19
SETTINGS = {
    "context_length": CONTEXT, "dimension": 24, "layers": 2, "heads": 3, "feed_forward": 40,
    "embedding_dropout": 0, "attention_dropout": 0, "residual_dropout": 0,
}
LSTM_SETTINGS = {
    "context_length": CONTEXT, "embedding": 10, "units": 21, "layers": 2, "mlp_depth": 1, "mlp_width": 24,
    "embedding_dropout": 0, "unit_dropout": 0, "memory": "life",
}
# Both layouts in sizes that are no multiples of anything, and the sizes that the kernels were made for.
MODELS = {
    "transformer-merged": SETTINGS | {"token_layout": "merged"},
    "transformer-separate": SETTINGS | {"token_layout": "separate"},
    "transformer-wide":
        SETTINGS | {"token_layout": "merged", "dimension": 64, "layers": 1, "heads": 4, "feed_forward": 128},
    "lstm-deep": LSTM_SETTINGS,
    "lstm-wide":
        LSTM_SETTINGS | {"embedding": 16, "units": 64, "layers": 1, "mlp_depth": 2, "mlp_width": 32},
}
# Images in place of components, in sizes that no window of a convolution or a pool divides.
IMAGE = (9, 11, 2)
CONV = {
    "kind": "conv", "channels": [5, 6], "kernel": 3, "stride": 2, "pool_kernel": 2, "pool_stride": 2,
    "partial_pools": True, "norm_decay": 0.9, "norm_epsilon": 1e-5, "dropout": 0, "units": 7,
}
RESNET = {
    "kind": "resnet", "channels": [4, 5], "blocks": 1, "kernel": 3, "pool_kernel": 3, "pool_stride": 2,
    "pool_padding": 1, "batch_norm": False, "norm_decay": 0.9, "norm_epsilon": 1e-5, "units": 9,
}
MODELS |= {
    "transformer-images": MODELS["transformer-separate"] | {"context_length": 7, "encoder": CONV},
    "lstm-images": LSTM_SETTINGS | {"context_length": 7, "encoder": RESNET},
}
SMOOTHING, RATE, BETAS, EPSILON, CLIP, STEPS = 0.1, 3e-3, (0.9, 0.99), 1e-6, 1.0, 10


def batch(settings):
    context, together = settings["context_length"], settings.get("token_layout") == "merged"
    components = torch.stack([torch.randint(0, n, (BATCH, context)) for n in COUNTS], -1)
    actions = (components[..., 0] + components[..., 1]) % ACTIONS
    rewards = (actions == 1).float() * 0.5 + (components[..., 0] == 2).float()
    masked = torch.rand(BATCH, context, *([] if together else [2])) < 0.3
    taught = torch.rand(BATCH, context) < 0.7
    if "encoder" in settings:
        components = torch.randint(0, 256, (BATCH, context, *IMAGE), dtype=torch.uint8)
    return components, actions, rewards, masked, taught


def objective(model, data):
    components, actions, rewards, masked, taught = data
    logits = model(components, actions, rewards, masked)
    return logits, F.cross_entropy(logits[taught], actions[taught], label_smoothing=SMOOTHING)


def sequence_model(name, settings):
    torch.manual_seed(7)
    model = KINDS[name.split("-")[0]](IMAGE if "encoder" in settings else COUNTS, ACTIONS, settings)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=1.5 / (settings.get("dimension") or settings["units"]) ** 0.5)
    data = batch(settings)
    parameters = {name: value.detach().clone() for name, value in model.named_parameters()}
    running = {name: value.clone() for name, value in model.named_buffers() if "running" in name}
    evaluated = model.eval()(*data[:3]).detach()
    model.train()
    logits, loss = objective(model, data)
    loss.backward()
    gradients = {name: value.grad.clone() for name, value in model.named_parameters()}
    gradients |= {name: torch.zeros_like(value) for name, value in running.items()}
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, betas=BETAS, eps=EPSILON)
    losses = []
    for _ in range(STEPS):
        optimiser.zero_grad()
        _, loss = objective(model, data)
        losses.append(loss.item())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
    losses.append(objective(model, data)[1].item())

    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}-parameters.safetensors").write_bytes(save(detached(parameters | running)))
    (FOLDER / f"{name}-gradients.safetensors").write_bytes(save(detached(gradients)))
    components, actions, rewards, masked, taught = data
    description = {
        "torch": torch.__version__, "settings": settings, "componentCounts": COUNTS, "actions": ACTIONS, "batch": BATCH,
        "smoothing": SMOOTHING, "rate": RATE, "beta1": BETAS[0], "beta2": BETAS[1], "epsilon": EPSILON, "clip": CLIP,
        "components": components.flatten().tolist(), "targets": actions.flatten().tolist(),
        "rewards": rewards.flatten().tolist(), "masked": flags(masked).flatten().tolist(),
        **({"image": IMAGE, "evaluated": evaluated.flatten().tolist()} if "encoder" in settings else {}),
        "taught": taught.flatten().int().tolist(), "logits": logits.flatten().tolist(), "losses": losses,
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(description))


def flags(masked):
    """What is hidden of every row: 1 the previous action, 2 the previous reward."""
    return masked * 3 if masked.dim() == 2 else masked[..., 0] + 2 * masked[..., 1]


def main():
    torch.set_num_threads(1)
    for name in sys.argv[1:] or MODELS:
        sequence_model(name, MODELS[name])
    if not sys.argv[1:]:
        golden_layers.main()
        golden_images.main()


if __name__ == "__main__":
    main()
