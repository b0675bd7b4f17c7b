"""A step of DQN(Q-lambda): 8 sequences of 40 out of a replay, towards lambda-returns of a target network."""

import copy

import torch
from torch import nn

from .collect import ACTIONS, DarkRoom
from .measuring import Calls

SEQUENCES, LENGTH, REPLAY = 8, 40, 11_111
DISCOUNT, DECAY, CLIP, INTERVAL = 0.9, 0.75, 10, 50
MULTIPLICATIONS = 18 * 128 + 2 * 128 * 128 + 128 * ACTIONS
# Forward and backward of the network, forward of the target.
OPERATIONS = 8 * MULTIPLICATIONS * SEQUENCES * LENGTH


class Learner:
    """Table 5's learner on the cells of the Dark Room."""

    def __init__(self):
        torch.manual_seed(0)
        self.features = DarkRoom(9, torch.zeros(1, dtype=torch.long)).features
        self.network = nn.Sequential(
            nn.Linear(18, 128), nn.ReLU(inplace=True), nn.Linear(128, 128), nn.ReLU(inplace=True),
            nn.Linear(128, 128), nn.ReLU(inplace=True), nn.Linear(128, ACTIONS))
        self.target = copy.deepcopy(self.network)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=1e-4, betas=(0.9, 0.999), eps=1e-6, fused=True)
        self.cells = torch.randint(0, 81, (REPLAY, LENGTH))
        self.actions = torch.randint(0, ACTIONS, (REPLAY, LENGTH))
        self.rewards = (torch.rand(REPLAY, LENGTH) < 0.05).float()
        self.discounts = DISCOUNT * (torch.rand(REPLAY, LENGTH) > 0.05).float()
        self.steps = 0

    @torch.no_grad()
    def returns(self, features, rewards, discounts):
        """(sequences, LENGTH - 1)"""
        values = self.target(features).amax(-1)
        following, found = values[:, -1], []
        for step in reversed(range(LENGTH - 1)):
            following = rewards[:, step] + discounts[:, step] * torch.lerp(values[:, step + 1], following, DECAY)
            found.append(following)
        return torch.stack(found[::-1], 1)

    def step(self):
        chosen = torch.randint(0, REPLAY, (SEQUENCES,))
        features = self.features[self.cells[chosen]]
        goals = self.returns(features, self.rewards[chosen], self.discounts[chosen])
        values = self.network(features).gather(-1, self.actions[chosen].unsqueeze(-1)).squeeze(-1)
        loss = 0.5 * (goals - values[:, :-1]).square().mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimizer.step()
        self.steps += 1
        if self.steps % INTERVAL == 0:
            self.target.load_state_dict(self.network.state_dict())


def step(threads, compiled=False):
    torch.set_num_threads(threads)
    learner = Learner()
    if compiled:
        learner.network.compile()
        learner.target.compile()
    return Calls(learner.step, SEQUENCES * LENGTH, threads, OPERATIONS)
