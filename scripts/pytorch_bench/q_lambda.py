"""A step of DQN(Q-lambda): 8 sequences of 40 out of a replay, towards lambda-returns of a target network."""

import copy

import torch
from torch import nn

from distillery.image_encoders import ResNet

from .collect import ACTIONS, DarkRoom
from .measuring import Calls

SEQUENCES, LENGTH, REPLAY = 8, 40, 11_111
DISCOUNT, DECAY, CLIP, INTERVAL = 0.9, 0.75, 10, 50
MULTIPLICATIONS = 18 * 128 + 2 * 128 * 128 + 128 * ACTIONS
# Forward and backward of the network, forward of the target.
OPERATIONS = 8 * MULTIPLICATIONS * SEQUENCES * LENGTH


class Learner:
    """Table 5's learner on the cells of the Dark Room."""

    REPLAY, ACTIONS = REPLAY, ACTIONS

    def __init__(self):
        torch.manual_seed(0)
        self.network = nn.Sequential(
            nn.Linear(18, 128), nn.ReLU(inplace=True), nn.Linear(128, 128), nn.ReLU(inplace=True),
            nn.Linear(128, 128), nn.ReLU(inplace=True), nn.Linear(128, ACTIONS))
        self.begin()
        self.features = DarkRoom(9, torch.zeros(1, dtype=torch.long)).features
        self.cells = torch.randint(0, 81, (REPLAY, LENGTH))

    def begin(self):
        """What every network needs: a target, an optimizer, and what the replay has besides observations."""
        self.target = copy.deepcopy(self.network)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=1e-4, betas=(0.9, 0.999), eps=1e-6, fused=True)
        self.actions = torch.randint(0, self.ACTIONS, (self.REPLAY, LENGTH))
        self.rewards = (torch.rand(self.REPLAY, LENGTH) < 0.05).float()
        self.discounts = DISCOUNT * (torch.rand(self.REPLAY, LENGTH) > 0.05).float()
        self.steps = 0

    def look(self, chosen):
        """What the network sees of these sequences: (sequences, LENGTH, ...)."""
        return self.features[self.cells[chosen]]

    def values(self, network, seen):
        """(sequences, LENGTH, actions)"""
        return network(seen.flatten(0, 1)).unflatten(0, seen.shape[:2])

    @torch.no_grad()
    def returns(self, seen, rewards, discounts):
        """(sequences, LENGTH - 1)"""
        values = self.values(self.target, seen).amax(-1)
        following, found = values[:, -1], []
        for step in reversed(range(LENGTH - 1)):
            following = rewards[:, step] + discounts[:, step] * torch.lerp(values[:, step + 1], following, DECAY)
            found.append(following)
        return torch.stack(found[::-1], 1)

    def step(self):
        chosen = torch.randint(0, self.REPLAY, (SEQUENCES,))
        seen = self.look(chosen)
        goals = self.returns(seen, self.rewards[chosen], self.discounts[chosen])
        values = self.values(self.network, seen).gather(-1, self.actions[chosen].unsqueeze(-1)).squeeze(-1)
        loss = 0.5 * (goals - values[:, :-1]).square().mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimizer.step()
        self.steps += 1
        if self.steps % INTERVAL == 0:
            self.target.load_state_dict(self.network.state_dict())


class ImageLearner(Learner):
    """Table 5's ResNet on pictures of 72 x 96, which lie in memory: drawing them is not timed."""

    IMAGE = (72, 96, 3)
    # A picture has 20 KB; no more of them are needed than do not fit in a cache.
    REPLAY = 40
    ACTIONS = 8

    def __init__(self):
        torch.manual_seed(0)
        encoder = ResNet(self.IMAGE)
        self.network = nn.Sequential(encoder, nn.ReLU(inplace=True), nn.Linear(ResNet.SETTINGS["units"], self.ACTIONS))
        self.begin()
        self.pictures = torch.randint(0, 256, (self.REPLAY, LENGTH, *self.IMAGE), dtype=torch.uint8)

    def look(self, chosen):
        return self.pictures[chosen]


def step(threads, compiled=False, make=Learner, operations=OPERATIONS):
    torch.set_num_threads(threads)
    learner = make()
    if compiled:
        learner.network.compile()
        learner.target.compile()
    return Calls(learner.step, SEQUENCES * LENGTH, threads, operations)


def image_step(threads, compiled=False):
    return step(threads, compiled, ImageLearner, None)
