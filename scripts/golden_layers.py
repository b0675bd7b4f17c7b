"""Golden vectors of the plain layers, the LSTM model and the optimiser for Tests/NeuralTests, and of the actor-critic
for Tests/AgentsTests; make_golden.py calls `main`."""

import json
import math
import pathlib

import torch
from safetensors.torch import save
from torch import nn
from torch.nn import functional as F

NEURAL, AGENTS = pathlib.Path("Tests/NeuralTests/Golden"), pathlib.Path("Tests/AgentsTests/Golden")
STEPS = 10


def detached(tensors):
    """As a file has them: in 32 bits, end to end, without what made them."""
    return {name: tensor.detach().float().contiguous().clone() for name, tensor in tensors.items()}


def write(folder, name, tensors, description):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.safetensors").write_bytes(save(detached(tensors)))
    (folder / f"{name}.json").write_text(json.dumps({"torch": torch.__version__} | description))


def passes(function, **inputs):
    """Output and all gradients of a layer for random gradients of its output."""
    inputs = {name: value.requires_grad_() for name, value in inputs.items()}
    y = function(**inputs)
    dy = torch.randn_like(y)
    y.backward(dy)
    return inputs | {"y": y, "dy": dy} | {f"d{name}": value.grad for name, value in inputs.items()}


def attention(qkv, bias, heads, padded, window):
    """qkv (T, 3D) -> (T, D)."""
    t, d = qkv.shape[0], qkv.shape[1] // 3
    q, k, v = (part.view(t, heads, d // heads).transpose(0, 1) for part in (qkv + bias).chunk(3, -1))
    i, j = torch.arange(t)[:, None], torch.arange(t)
    seen = (j <= i) & (j >= padded) & (j > i - (window or t))
    scores = (q @ k.transpose(-2, -1) / math.sqrt(d // heads)).masked_fill(~seen, -math.inf)
    weights = scores[:, padded:].softmax(-1)
    return F.pad((weights @ v).transpose(0, 1).reshape(t - padded, d), (0, 0, padded, 0))


def layers():
    cases = {
        "linear": passes(F.linear, input=torch.randn(7, 5), weight=torch.randn(3, 5), bias=torch.randn(3)),
        "gelu": passes(
            lambda x, bias: F.gelu(x + bias, approximate="tanh"), x=torch.randn(6, 21) * 3, bias=torch.randn(21)),
        "relu": passes(F.relu, input=torch.randn(37)),
        "layerNorm": passes(
            lambda x, gain, shift: F.layer_norm(x, (19,), gain, shift), x=torch.randn(4, 19) * 2 + 1,
            gain=torch.randn(19), shift=torch.randn(19)),
        "residualNorm": passes(
            lambda residual, z, bias, gain, shift: F.layer_norm(residual + z + bias, (19,), gain, shift),
            residual=torch.randn(4, 19), z=torch.randn(4, 19), bias=torch.randn(19), gain=torch.randn(19),
            shift=torch.randn(19)),
    }
    indices = torch.randint(0, 6, (9,))
    cases["embedding"] = passes(lambda weight: F.embedding(indices, weight), weight=torch.randn(6, 5))
    sights = [(0, 0), (5, 0), (0, 4), (3, 17)]
    for n, (padded, window) in enumerate(sights):
        cases[f"attention.{n}"] = passes(
            lambda qkv, bias: attention(qkv, bias, 2, padded, window), qkv=torch.randn(37, 30), bias=torch.randn(30))
    targets, losses = torch.tensor([0, 4, -100, 1, 3, -100]), []
    for n, smoothing in enumerate([0.0, 0.1]):
        logits = (torch.randn(6, 5) * 3).requires_grad_()
        loss = F.cross_entropy(logits, targets, label_smoothing=smoothing)
        loss.backward()
        losses.append(loss.item())
        cases[f"crossEntropy.{n}"] = {"logits": logits, "dlogits": logits.grad}
    tensors = {f"{case}.{name}": value for case, values in cases.items() for name, value in values.items()}
    write(NEURAL, "layers", tensors, {
        "indices": indices.tolist(), "heads": 2, "padded": [p for p, _ in sights], "windows": [w for _, w in sights],
        "targets": targets.tolist(), "smoothings": [0.0, 0.1], "losses": losses,
    })


def lstm():
    """Widths that our kernel takes and one that it leaves to BLAS; (inputs, units, layers, steps, sequences)."""
    shapes, tensors = [(5, 7, 1, 6, 3), (6, 16, 2, 9, 4), (3, 32, 3, 4, 2)], {}
    for n, (inputs, units, depth, steps, sequences) in enumerate(shapes):
        layer = nn.LSTM(inputs, units, depth)
        x = torch.randn(steps, sequences, inputs, requires_grad=True)
        h, c = (torch.randn(depth, sequences, units, requires_grad=True) for _ in range(2))
        y, (hn, cn) = layer(x, (h, c))
        dy, dhn, dcn = torch.randn_like(y), torch.randn_like(hn), torch.randn_like(cn)
        torch.autograd.backward([y, hn, cn], [dy, dhn, dcn])
        values = {
            "x": x, "h0": h, "c0": c, "y": y, "hn": hn, "cn": cn, "dy": dy, "dhn": dhn, "dcn": dcn, "dx": x.grad,
            "dh0": h.grad, "dc0": c.grad,
        }
        values |= {f"parameters.{name}": value for name, value in layer.named_parameters()}
        values |= {f"gradients.{name}": value.grad for name, value in layer.named_parameters()}
        tensors |= {f"{n}.{name}": value for name, value in values.items()}
    keys = "inputs", "units", "layers", "steps", "sequences"
    write(NEURAL, "lstm", tensors, {"shapes": [dict(zip(keys, shape)) for shape in shapes]})


class LSTMModel(nn.Module):
    def __init__(self, vocabulary, dimension, units, layers, classes):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, dimension)
        self.lstm = nn.LSTM(dimension, units, layers)
        self.head = nn.Linear(units, classes)

    def forward(self, tokens):
        return self.head(self.lstm(self.embed(tokens))[0])


def lstm_model():
    settings = {"vocabulary": 6, "dimension": 8, "units": 16, "layers": 2, "classes": 6}
    steps, sequences, rate, betas, epsilon, clip, smoothing = 11, 4, 1e-2, (0.9, 0.99), 1e-6, 0.5, 0.1
    model = LSTMModel(**settings)
    tokens = torch.randint(0, 6, (steps, sequences))
    targets = (tokens + tokens.roll(1, 0)) % 6
    tensors = {f"parameters.{name}": value.detach().clone() for name, value in model.named_parameters()}
    optimiser, losses, norms = torch.optim.Adam(model.parameters(), lr=rate, betas=betas, eps=epsilon), [], []
    for step in range(STEPS + 1):
        logits = model(tokens)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=smoothing)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        if step == 0:
            tensors["logits"] = logits.detach().clone()
            tensors |= {f"gradients.{name}": value.grad.clone() for name, value in model.named_parameters()}
        norms.append(nn.utils.clip_grad_norm_(model.parameters(), clip).item())
        if step < STEPS:
            optimiser.step()
    write(NEURAL, "lstm-model", tensors, {
        "settings": settings, "steps": steps, "sequences": sequences, "rate": rate, "beta1": betas[0],
        "beta2": betas[1], "epsilon": epsilon, "clip": clip, "smoothing": smoothing,
        "tokens": tokens.flatten().tolist(), "targets": targets.flatten().tolist(), "losses": losses, "norms": norms,
    })


def optimiser():
    """Adam with clipping and a schedule on given gradients, some of them tiny, so that epsilon's place shows."""
    start, peak, final, warmup, steps, clip, epsilon = 1e-3, 1e-1, 1e-2, 4, 20, 3.0, 1e-3
    parameter = nn.Parameter(torch.randn(37))
    sizes = torch.logspace(-5, 0.3, 37)
    tensors, rates, norms = {"before": parameter.detach().clone()}, [], []
    adam = torch.optim.Adam([parameter], lr=peak, betas=(0.9, 0.99), eps=epsilon)
    rise = torch.optim.lr_scheduler.LinearLR(adam, start / peak, 1.0, warmup)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps - warmup, final)
    schedule = torch.optim.lr_scheduler.SequentialLR(adam, [rise, fall], [warmup])
    for step in range(steps):
        tensors[f"gradient.{step:02}"] = torch.randn(37) * sizes
        parameter.grad = tensors[f"gradient.{step:02}"].clone()
        norms.append(nn.utils.clip_grad_norm_([parameter], clip).item())
        rates.append(schedule.get_last_lr()[0])
        adam.step()
        schedule.step()
        tensors[f"after.{step:02}"] = parameter.detach().clone()
    write(NEURAL, "optimiser", tensors, {
        "start": start, "peak": peak, "final": final, "warmup": warmup, "steps": steps, "clip": clip, "beta1": 0.9,
        "beta2": 0.99, "epsilon": epsilon, "rates": rates, "norms": norms,
    })


class ActorCritic(nn.Module):
    """Table 4: one-hot components, three hidden layers, logits and value from one last layer."""

    def __init__(self, counts, actions, hidden):
        super().__init__()
        widths = [sum(counts), *hidden, actions + 1]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))
        self.counts = counts

    def forward(self, components):
        x = torch.cat([F.one_hot(components[..., i], n) for i, n in enumerate(self.counts)], -1).float()
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        heads = self.layers[-1](x)
        return heads[..., :-1], heads[..., -1]


def numbers(first, count):
    """Numbers in [-1/2, 1/2) that the test makes again: a large file of parameters less."""
    return torch.tensor([(k * 2654435761 % 2**32) / 2**32 - 0.5 for k in range(first, first + count)])


def lambda_returns(rewards, ends, values, discount, decay):
    """Of one rollout, whose last row lends its value and is not learnt from unless it ends an episode."""
    length, following = len(rewards), None
    returns = [None] * length
    for t in reversed(range(length)):
        if ends[t]:
            returns[t] = rewards[t]
        elif t < length - 1:
            tail = values[t + 1] if following is None else (1 - decay) * values[t + 1] + decay * following
            returns[t] = rewards[t] + discount * tail
        following = returns[t]
    return returns


def actor_critic():
    counts, actions, hidden, length, rollouts = [9, 9], 5, [128, 128, 128], 20, 6
    discount, decay, entropy_weight, value_weight, rate, clip, epsilon = 0.99, 0.95, 0.01, 0.5, 1e-3, 0.5, 1e-6
    model, first = ActorCritic(counts, actions, hidden), 0
    with torch.no_grad():
        for layer in model.layers:
            for parameter in (layer.weight, layer.bias):
                parameter.copy_(numbers(first, parameter.numel()).view_as(parameter) * 2 / layer.in_features**0.5)
                first += parameter.numel()
    components = torch.stack([torch.randint(0, n, (rollouts, length)) for n in counts], -1)
    chosen = torch.randint(0, actions, (rollouts, length))
    rewards, ends = torch.rand(rollouts, length) * 2 - 0.5, torch.rand(rollouts, length) < 0.1
    adam, losses, tensors = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.9, 0.999), eps=epsilon), [], {}
    for step in range(STEPS + 1):
        logits, values = model(components)
        fixed = values.detach()
        goals = [
            lambda_returns(rewards[n].tolist(), ends[n].tolist(), fixed[n].tolist(), discount, decay)
            for n in range(rollouts)
        ]
        learns = torch.tensor([[goal is not None for goal in row] for row in goals])
        goal = torch.tensor([[goal or 0.0 for goal in row] for row in goals])
        advantage, logs = goal - fixed, logits.log_softmax(-1)
        policy = -advantage * logs.gather(-1, chosen[..., None])[..., 0]
        entropy = -(logs.exp() * logs).sum(-1)
        error = (goal - values).square()
        loss = (policy - entropy_weight * entropy + value_weight / 2 * error)[learns].mean()
        losses.append({
            "policy": policy[learns].mean().item(), "value": error[learns].mean().item() / 2,
            "entropy": entropy[learns].mean().item(),
        })
        adam.zero_grad()
        loss.backward()
        if step == 0:
            tensors |= {f"gradients.{name}": value.grad.clone() for name, value in model.named_parameters()}
            tensors |= {"logits": logits.detach().clone(), "values": fixed.clone()}
        losses[-1]["norm"] = nn.utils.clip_grad_norm_(model.parameters(), clip).item()
        if step < STEPS:
            adam.step()
    write(AGENTS, "actor-critic", tensors, {
        "counts": counts, "actions": actions, "hidden": hidden, "rollouts": rollouts, "length": length,
        "discount": discount, "lambda": decay, "entropyCoefficient": entropy_weight, "valueCoefficient": value_weight,
        "learningRate": rate, "gradientClip": clip, "adamEpsilon": epsilon,
        "components": components.flatten().tolist(), "chosen": chosen.flatten().tolist(),
        "rewards": rewards.flatten().tolist(), "ends": ends.flatten().tolist(), "losses": losses,
    })


def main():
    torch.manual_seed(5)
    torch.set_num_threads(1)
    layers()
    lstm()
    lstm_model()
    optimiser()
    actor_critic()


if __name__ == "__main__":
    main()
