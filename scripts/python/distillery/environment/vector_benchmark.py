"""Steps a second of Gymnasium's own vector environment, for ``distillery bench external``: one number on the last line."""

from __future__ import annotations

import argparse
import time

import gymnasium


def main() -> None:
    """Steps ``gymnasium.make_vec`` with random actions that were drawn before the clock runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gymnasium", help="an id of Gymnasium's")
    parser.add_argument("--copies", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    environments = gymnasium.make_vec(options.gymnasium, num_envs=options.copies)
    environments.action_space.seed(0)
    environments.reset(seed=0)
    actions = [environments.action_space.sample() for _ in range(64)]
    for step in range(32):
        environments.step(actions[step])
    steps = 0
    start = time.monotonic()
    while time.monotonic() - start < options.seconds:
        environments.step(actions[steps % len(actions)])
        steps += 1
    print(steps * options.copies / (time.monotonic() - start))


if __name__ == "__main__":
    main()
