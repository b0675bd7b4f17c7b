"""The image encoders in PyTorch, with the names that checkpoints have: pixels (B, height, width, colours), uint8, to
vectors (B, units). `image` is (height, width, colours), `settings` are those of an experiment's `encoder`."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def batch_norm(channels, settings):
    return nn.BatchNorm2d(channels, eps=settings["norm_epsilon"], momentum=1 - settings["norm_decay"])


class ImageEncoder(nn.Module):
    """What all kinds share. A kind has `features`, from (B, colours, height, width)."""

    def finish(self, image, settings):
        height, width, colours = image
        with torch.no_grad():
            was_training = self.training
            count = self.eval().features(torch.zeros(1, colours, height, width)).numel()
            self.train(was_training)
        self.linear = nn.Linear(count, settings["units"])

    def forward(self, pixels, memory_format=torch.contiguous_format):
        x = pixels.permute(0, 3, 1, 2).contiguous(memory_format=memory_format).float() / 255
        return self.linear(F.relu(self.features(x)).flatten(1))


class ResNetBlock(nn.Module):
    def __init__(self, channels, s):
        super().__init__()
        kernel, normalised = s["kernel"], s["batch_norm"]
        convolution = lambda: nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=not normalised)
        norm = lambda: batch_norm(channels, s) if normalised else nn.Identity()
        self.convolution1, self.norm1, self.convolution2, self.norm2 = convolution(), norm(), convolution(), norm()

    def forward(self, x):
        y = self.norm1(self.convolution1(F.relu(x)))
        return x + self.norm2(self.convolution2(F.relu(y)))


class ResNetGroup(nn.Module):
    def __init__(self, inputs, channels, s):
        super().__init__()
        kernel, normalised = s["kernel"], s["batch_norm"]
        self.convolution = nn.Conv2d(inputs, channels, kernel, padding=kernel // 2, bias=not normalised)
        self.norm = batch_norm(channels, s) if normalised else nn.Identity()
        self.pool = nn.MaxPool2d(s["pool_kernel"], s["pool_stride"], s["pool_padding"])
        self.blocks = nn.Sequential(*(ResNetBlock(channels, s) for _ in range(s["blocks"])))

    def forward(self, x):
        return self.blocks(self.pool(self.norm(self.convolution(x))))


class ResNet(ImageEncoder):
    SETTINGS = {
        "channels": [32, 64, 64], "blocks": 2, "kernel": 3, "pool_kernel": 3, "pool_stride": 2, "pool_padding": 1,
        "batch_norm": False, "norm_decay": 0.9, "norm_epsilon": 1e-5, "units": 256,
    }

    def __init__(self, image, settings=SETTINGS):
        super().__init__()
        inputs = [image[2], *settings["channels"]]
        self.groups = nn.Sequential(*(ResNetGroup(i, o, settings) for i, o in zip(inputs, inputs[1:])))
        self.finish(image, settings)

    def features(self, x):
        return self.groups(x)


class ConvolutionalBlock(nn.Module):
    def __init__(self, inputs, channels, s):
        super().__init__()
        self.convolution = nn.Conv2d(inputs, channels, s["kernel"], s["stride"], s["kernel"] // 2, bias=False)
        self.norm = batch_norm(channels, s)
        self.pool = nn.MaxPool2d(s["pool_kernel"], s["pool_stride"], ceil_mode=s["partial_pools"])
        self.dropout = nn.Dropout(s["dropout"])

    def forward(self, x):
        return self.dropout(self.pool(F.relu(self.norm(self.convolution(x)))))


class ConvolutionalEncoder(ImageEncoder):
    """The paper's Table 3."""

    SETTINGS = {
        "channels": [128, 128, 128], "kernel": 5, "stride": 2, "pool_kernel": 2, "pool_stride": 2,
        "partial_pools": True, "norm_decay": 0.999, "norm_epsilon": 1e-5, "dropout": 0.2, "units": 256,
    }

    def __init__(self, image, settings=SETTINGS):
        super().__init__()
        inputs = [image[2], *settings["channels"]]
        self.blocks = nn.Sequential(*(ConvolutionalBlock(i, o, settings) for i, o in zip(inputs, inputs[1:])))
        self.finish(image, settings)

    def features(self, x):
        return self.blocks(x)


ENCODERS = {"conv": ConvolutionalEncoder, "resnet": ResNet}


# Arrays of bytes up to this size are a few integers; `IntegerComponents` in Swift.
LARGEST_ARRAY = 64


def image_of(space):
    """(height, width, colours) where a model looks at observations of a space through an encoder; None for others."""
    if space["type"] != "box" or len(space["shape"]) != 3 or math.prod(space["shape"]) <= LARGEST_ARRAY:
        return None
    return tuple(space["shape"])


def make_encoder(observations, settings):
    """The encoder of a model's settings for images (height, width, colours), a tuple; None for integers."""
    if not isinstance(observations, tuple):
        return None
    return ENCODERS[settings["encoder"]["kind"]](observations, settings["encoder"])


def observation_embedding(observations, settings, width):
    """A linear layer behind an encoder's rectified units, or a table."""
    if isinstance(observations, tuple):
        return nn.Linear(settings["encoder"]["units"], width)
    return nn.Embedding(sum(observations), width)
