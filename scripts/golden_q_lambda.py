#!/usr/bin/env python3
"""Golden vectors of DQN(Q-lambda) for Tests/AgentsTests, by rlax's `q_lambda`, JAX's gradients and optax's Adam.

    python3 -m venv /tmp/rlax && /tmp/rlax/bin/pip install rlax optax
    /tmp/rlax/bin/python scripts/golden_q_lambda.py
"""

import importlib.metadata
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import rlax

COUNTS, ACTIONS, HIDDEN, SEQUENCES, LENGTH, STEPS = [9, 9], 5, [32, 16], 3, 12, 10
DISCOUNT, DECAY, RATE, CLIP, EPSILON, INTERVAL = 0.9, 0.75, 1e-3, 0.2, 1e-6, 4


def parameters():
    """Weights (outputs, inputs) and biases, each number by its place: as golden_layers.py and the tests make them."""
    first, layers = 0, []
    for inputs, outputs in zip([sum(COUNTS), *HIDDEN], [*HIDDEN, ACTIONS]):
        layer = []
        for shape in ((outputs, inputs), (outputs,)):
            count = int(np.prod(shape))
            places = np.arange(first, first + count, dtype=np.uint64)
            unit = (places * 2654435761 % 2**32) / 2**32 - 0.5
            layer.append(jnp.asarray((unit.astype(np.float32) * 2 / inputs**0.5).reshape(shape), jnp.float32))
            first += count
        layers.append(tuple(layer))
    return layers


def values(layers, components):
    x = jnp.concatenate([jax.nn.one_hot(components[..., i], n) for i, n in enumerate(COUNTS)], -1)
    for index, (weight, bias) in enumerate(layers):
        x = x @ weight.T + bias
        x = jax.nn.relu(x) if index < len(HIDDEN) else x
    return x


def main():
    random = np.random.default_rng(7)
    components = random.integers(0, 9, (SEQUENCES, LENGTH, 2))
    chosen = random.integers(0, ACTIONS, (SEQUENCES, LENGTH))
    rewards = np.float32(random.uniform(-0.5, 1.5, (SEQUENCES, LENGTH)))
    ends = random.random((SEQUENCES, LENGTH)) < 0.15
    # The last row of a sequence says what its observation is worth and nothing else.
    ends[:, -1] = False
    discounts = np.float32(DISCOUNT * ~ends)

    def errors(layers, target):
        def one(components, chosen, rewards, discounts):
            return rlax.q_lambda(
                values(layers, components)[:-1], chosen[:-1], rewards[:-1], discounts[:-1],
                values(target, components)[1:], DECAY)
        return jax.vmap(one)(components, chosen, rewards, discounts)

    def loss(layers, target):
        return 0.5 * jnp.mean(jnp.square(errors(layers, target)))

    layers = target = parameters()
    first_errors = errors(layers, target)
    optimiser = optax.chain(optax.clip_by_global_norm(CLIP), optax.adam(RATE, 0.9, 0.999, EPSILON))
    state, losses, norms = optimiser.init(layers), [], []
    for step in range(1, STEPS + 1):
        value, gradient = jax.value_and_grad(loss)(layers, target)
        losses.append(float(value))
        norms.append(float(optax.global_norm(gradient)))
        change, state = optimiser.update(gradient, state)
        layers = optax.apply_updates(layers, change)
        if step % INTERVAL == 0:
            target = layers
    path = pathlib.Path("Tests/AgentsTests/Golden/q-lambda.json")
    path.write_text(json.dumps({
        "rlax": importlib.metadata.version("rlax"), "jax": jax.__version__, "counts": COUNTS, "actions": ACTIONS,
        "hidden": HIDDEN, "sequences": SEQUENCES, "length": LENGTH, "discount": DISCOUNT, "lambda": DECAY,
        "learningRate": RATE, "gradientClip": CLIP, "adamEpsilon": EPSILON, "targetInterval": INTERVAL,
        "components": components.flatten().tolist(), "chosen": chosen.flatten().tolist(),
        "rewards": rewards.flatten().tolist(), "ends": ends.flatten().tolist(),
        "errors": np.asarray(first_errors).flatten().tolist(), "losses": losses, "norms": norms,
    }))


if __name__ == "__main__":
    jax.config.update("jax_default_matmul_precision", "highest")
    main()
