"""Acting in 100 vectorised Dark Rooms and learning from them, in one process."""

import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

from .measuring import progress, spread

ACTIONS = 5
HORIZON = 20


class DarkRoom:
    """Dark Room, vectorised: a cell is one integer, a step is one look-up in a table."""

    def __init__(self, size, goals):
        self.goals = goals
        self.start = (size // 2) * size + size // 2
        cell = torch.arange(size * size)
        x, y = cell % size, cell // size
        moves = [
            ((x - 1).clamp(min=0), y),
            ((x + 1).clamp(max=size - 1), y),
            (x, (y - 1).clamp(min=0)),
            (x, (y + 1).clamp(max=size - 1)),
            (x, y),
        ]
        self.next_cell = torch.stack([column + row * size for column, row in moves], 1).flatten()
        # One-hot x beside one-hot y.
        self.features = torch.cat([F.one_hot(x, size), F.one_hot(y, size)], 1).float()

    def reset(self):
        return torch.full_like(self.goals, self.start)

    def step(self, cells, actions):
        cells = self.next_cell[cells * ACTIONS + actions]
        return cells, cells == self.goals


class ActorCritic(nn.Module):
    """Three hidden layers of 128; policy and value are one layer side by side."""

    def __init__(self, inputs, hidden=128):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(inputs, hidden), nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden), nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden), nn.ReLU(inplace=True),
            nn.Linear(hidden, ACTIONS + 1),
        )

    def forward(self, features):
        output = self.body(features)
        return output[..., :ACTIONS], output[..., ACTIONS]


class Learner:
    """Acts for one episode in every environment, then learns from it in one update."""

    def __init__(self, options, seed):
        torch.manual_seed(seed)
        count = options.environments
        goal = options.goal[0] + options.goal[1] * options.size
        self.room = DarkRoom(options.size, torch.full((count,), goal))
        self.network = ActorCritic(2 * options.size)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=options.learning_rate, betas=(0.9, 0.999), eps=1e-6, fused=True
        )
        self.discount, self.decay, self.entropy = 0.99, 0.95, 0.01
        self.cells = torch.empty(HORIZON + 1, count, dtype=torch.long)
        self.actions = torch.empty(HORIZON, count, dtype=torch.long)
        self.rewards = torch.empty(HORIZON, count)
        self.values = torch.empty(HORIZON + 1, count)
        self.noise = torch.empty(HORIZON, count, ACTIONS)

    @torch.inference_mode()
    def act(self):
        # The largest p / e with e exponential is a sample of p: no multinomial, all random numbers at once.
        self.noise.exponential_()
        cells = self.room.reset()
        for step in range(HORIZON):
            logits, values = self.network(self.room.features[cells])
            actions = (torch.softmax(logits, -1) / self.noise[step]).argmax(-1)
            self.cells[step] = cells
            self.actions[step] = actions
            self.values[step] = values
            cells, rewards = self.room.step(cells, actions)
            self.rewards[step] = rewards
        # The horizon cuts the episode, so that its end is worth what the critic says.
        self.cells[HORIZON] = cells
        self.values[HORIZON] = self.network(self.room.features[cells])[1]

    @torch.no_grad()
    def returns(self):
        """Lambda-returns, shape (HORIZON, environments)."""
        targets = torch.empty_like(self.rewards)
        following = self.values[HORIZON]
        for step in reversed(range(HORIZON)):
            mixed = torch.lerp(self.values[step + 1], following, self.decay)
            following = torch.add(self.rewards[step], mixed, alpha=self.discount)
            targets[step] = following
        return targets

    def learn(self, clip=None):
        targets = self.returns().flatten()
        logits, values = self.network(self.room.features[self.cells[:HORIZON].flatten()])
        logarithms = torch.log_softmax(logits, -1)
        chosen = logarithms.gather(1, self.actions.flatten().unsqueeze(1)).squeeze(1)
        advantages = targets - values.detach()
        entropy = -(logarithms.exp() * logarithms).sum(-1).mean()
        loss = -(advantages * chosen).mean() + 0.5 * F.mse_loss(values, targets) - self.entropy * entropy
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), clip)
        self.optimizer.step()

    def update(self):
        self.act()
        self.learn()
        return self.rewards.sum(0).mean().item()


def collect(options):
    """Environment steps a second, learning included."""
    results = []
    for threads in options.threads:
        torch.set_num_threads(threads)
        learner = Learner(options, seed=0)
        for _ in range(options.warm_up):
            learner.update()
        rates = []
        for _ in range(options.repetitions):
            begin = time.perf_counter()
            for _ in range(options.updates):
                episode_return = learner.update()
            seconds = time.perf_counter() - begin
            rates.append(options.updates * HORIZON * options.environments / seconds)
            progress(
                f"threads {threads}: {rates[-1]:,.0f} environment steps a second, return {episode_return:.2f}")
        results.append({
            "name": "pytorch-a2c",
            "configuration": {
                "environment": "dark-room", "size": options.size, "environments": options.environments,
                "processes": 1, "threads": threads, "rollout_steps": HORIZON, "updates": options.updates,
                "learning_rate": options.learning_rate,
            },
            "environment_steps_per_second": statistics.median(rates),
            "spread": {"environment_steps_per_second": spread(rates)},
            "measured": {"last_mean_return": episode_return},
        })
    return results
