"""The actor-critic's two halves, choosing actions for 50 observations and learning from 100 rollouts of 20 steps, and
a step of DQN(Q-lambda)."""

from types import SimpleNamespace

import torch

from . import q_lambda
from .collect import HORIZON, Learner
from .measuring import Calls, processors, threads_text

UNIT = "transitions_per_second"
ACTORS = 50
ROLLOUTS = 100
CLIP = 0.5
MULTIPLICATIONS = 18 * 128 + 2 * 128 * 128 + 128 * 6


def make_learner(environments, threads):
    torch.set_num_threads(threads)
    return Learner(SimpleNamespace(environments=environments, goal=(0, 0), size=9, learning_rate=1e-4), seed=0)


def act(threads, compiled=False):
    """20 calls on 50 observations that all differ, with the sampling of `collect`; no environment."""
    learner = make_learner(ACTORS, threads)
    cells = torch.arange(ACTORS)

    def choose(noise):
        logits, values = learner.network(learner.room.features[cells])
        return (torch.softmax(logits, -1) / noise).argmax(-1), values

    chosen = torch.compile(choose) if compiled else choose

    @torch.inference_mode()
    def calls():
        learner.noise.exponential_()
        for step in range(HORIZON):
            learner.actions[step], learner.values[step] = chosen(learner.noise[step])

    calls()
    return Calls(calls, ACTORS * HORIZON, threads, 2 * MULTIPLICATIONS * ACTORS * HORIZON)


def learn(threads, compiled=False):
    learner = make_learner(ROLLOUTS, threads)
    learner.act()
    if compiled:
        learner.network.compile()
    return Calls(
        lambda: learner.learn(CLIP), ROLLOUTS * HORIZON, threads, 6 * MULTIPLICATIONS * ROLLOUTS * HORIZON)


def configurations():
    found = {}
    for names, make, sizes in [
        (("acting-distinct-rows", "acting-policy-table"), act, {"batch": ACTORS}),
        (("update-distinct-rows", "update-shared-rows"), learn, {"rollouts": ROLLOUTS, "rollout_length": HORIZON}),
        (
            ("q-lambda-distinct-rows", "q-lambda-shared-rows"), q_lambda.step,
            {"sequences": q_lambda.SEQUENCES, "sequence_length": q_lambda.LENGTH},
        ),
        (
            ("q-lambda-images",), q_lambda.image_step,
            {"sequences": q_lambda.SEQUENCES, "sequence_length": q_lambda.LENGTH, "hidden": "none", "image": "72 x 96"},
        ),
    ]:
        ways = {}
        for threads in sorted({1, processors()}):
            ways[f"eager, {threads_text(threads)}"] = lambda m=make, t=threads: m(t)
        ways["compiled, 1 thread"] = lambda m=make: m(1, compiled=True)
        for name in names:
            found[name] = ({"hidden": "128, 128, 128", **sizes}, ways)
    return found
