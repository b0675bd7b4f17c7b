"""The distilled models in PyTorch, with the names and shapes that checkpoints have: `distillery.checkpoints.load` reads
one. They are written to be read beside the paper; `FusedAttention` alone is there for speed."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .image_encoders import make_encoder, observation_embedding


class Attention(nn.Module):
    """Causal self-attention (B, T, D) -> (B, T, D), step by step; `dropout` is that of its weights while training."""

    def __init__(self, d, heads, dropout):
        super().__init__()
        self.in_proj = nn.Linear(d, 3 * d)
        self.out_proj = nn.Linear(d, d)
        self.heads, self.dropout = heads, dropout

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (part.view(b, t, self.heads, d // self.heads).transpose(1, 2) for part in self.in_proj(x).chunk(3, -1))
        scores = q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)
        future = torch.ones(t, t, dtype=torch.bool, device=x.device).triu(1)
        weights = F.dropout(scores.masked_fill(future, -math.inf).softmax(-1), self.dropout, self.training)
        return self.out_proj((weights @ v).transpose(1, 2).reshape(b, t, d))


class FusedAttention(Attention):
    """The same function by PyTorch's own operator, which picks the kernel that is fastest on the device."""

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (part.view(b, t, self.heads, d // self.heads).transpose(1, 2) for part in self.in_proj(x).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=self.dropout if self.training else 0.0)
        return self.out_proj(y.transpose(1, 2).reshape(b, t, d))


class MLP(nn.Module):
    """D -> hidden -> D with GELU in its tanh form."""

    def __init__(self, d, hidden):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class Block(nn.Module):
    """A post-norm block (B, T, D) -> (B, T, D): attention, add, norm; MLP, add, norm."""

    def __init__(self, d, heads, hidden, attention_dropout, residual_dropout, attention=Attention):
        super().__init__()
        self.attention, self.mlp = attention(d, heads, attention_dropout), MLP(d, hidden)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.dropout = nn.Dropout(residual_dropout)

    def forward(self, x):
        x = self.norm1(x + self.dropout(self.attention(x)))
        return self.norm2(x + self.dropout(self.mlp(x)))


class Embedding(nn.Module):
    """What both layouts of tokens share: the tables, and previous actions and rewards of a window."""

    def __init__(self, observations, actions, settings, tokens):
        super().__init__()
        d = settings["dimension"]
        self.observation = observation_embedding(observations, settings, d)
        self.action = nn.Embedding(actions + 1, d)
        self.reward = nn.Linear(1, d)
        self.position = nn.Embedding(tokens, d)
        self.mask = nn.ParameterDict({"weight": nn.Parameter(torch.zeros(d))})

    def parts(self, actions, rewards):
        """Embeddings of a_(t-1) and r_(t-1), each (B, T, D); before the first row come "none" and 0."""
        none = torch.full_like(actions[:, :1], self.action.num_embeddings - 1)
        previous_actions = torch.cat([none, actions[:, :-1]], 1)
        previous_rewards = torch.cat([torch.zeros_like(rewards[:, :1]), rewards[:, :-1]], 1)
        return self.action(previous_actions), self.reward(previous_rewards[..., None])

    def hide(self, tokens, masked):
        return tokens if masked is None else torch.where(masked[..., None], self.mask["weight"], tokens)


class MergedEmbedding(Embedding):
    """One token a transition. masked: (B, T)."""

    def forward(self, observation, actions, rewards, masked):
        action, reward = self.parts(actions, rewards)
        return observation + self.hide(action + reward, masked) + self.position.weight[: actions.shape[1]]


class SeparateEmbedding(Embedding):
    """Tokens a_(t-1), r_(t-1), o_t for every transition. masked: (B, T, 2), of actions and of rewards."""

    def forward(self, observation, actions, rewards, masked):
        action, reward = self.parts(actions, rewards)
        if masked is not None:
            action, reward = self.hide(action, masked[..., 0]), self.hide(reward, masked[..., 1])
        tokens = torch.stack([action, reward, observation], 2).flatten(1, 2)
        return tokens + self.position.weight[: tokens.shape[1]]


class SequenceModel(nn.Module):
    """Logits (B, T, A) of a_t from components (B, T, components) or pixels (B, T, height, width, colours), actions (B, T)
    and rewards (B, T). `observations`: how many values each component has, a list, or (height, width, colours), a tuple."""

    def __init__(self, observations, settings):
        super().__init__()
        encoder = make_encoder(observations, settings)
        if encoder:
            self.encoder = encoder
        else:
            firsts = [sum(observations[:i]) for i in range(len(observations))]
            self.register_buffer("firsts", torch.tensor(firsts), persistent=False)

    def embed_observations(self, table, observations):
        if not hasattr(self, "encoder"):
            return table(observations + self.firsts).sum(2)
        units = self.encoder(observations.flatten(0, 1)).unflatten(0, observations.shape[:2])
        return table(F.relu(units))


class Transformer(SequenceModel):
    """The causal transformer. masked: (B, T) where a transition is one token, (B, T, 2) where it is three: of the actions
    and rewards before each row. `attention`: the class of it, such as `FusedAttention`."""

    def __init__(self, observations, actions, settings, attention=Attention):
        super().__init__(observations, settings)
        s, d = settings, settings["dimension"]
        self.context = s["context_length"]
        self.tokens_per_transition = 1 if s["token_layout"] == "merged" else 3
        layout = MergedEmbedding if s["token_layout"] == "merged" else SeparateEmbedding
        self.embed = layout(observations, actions, settings, self.context * self.tokens_per_transition)
        self.dropout = nn.Dropout(s["embedding_dropout"])
        self.blocks = nn.ModuleList(
            Block(d, s["heads"], s["feed_forward"], s["attention_dropout"], s["residual_dropout"], attention)
            for _ in range(s["layers"])
        )
        self.head = nn.Linear(d, actions)

    def forward(self, observations, actions, rewards, masked=None):
        seen = self.embed_observations(self.embed.observation, observations)
        x = self.dropout(self.embed(seen, actions, rewards, masked))
        for block in self.blocks:
            x = block(x)
        # The last token of a transition is the one that predicts.
        return self.head(x[:, self.tokens_per_transition - 1 :: self.tokens_per_transition])


class LSTMModel(SequenceModel):
    """LSTM-AD (appendix K). masked: (B, T, 2), of actions and rewards before each row."""

    def __init__(self, observations, actions, settings):
        super().__init__(observations, settings)
        s, e = settings, settings["embedding"]
        self.context = s["context_length"]
        self.embed = nn.ModuleDict({
            "observation": observation_embedding(observations, settings, e), "action": nn.Embedding(actions, e),
            "reward": nn.Linear(1, e), "mask": nn.ParameterDict({"weight": nn.Parameter(torch.zeros(e))}),
        })
        # PyTorch warns of a dropout between layers where there is only one.
        between = s["unit_dropout"] if s["layers"] > 1 else 0
        self.lstm = nn.LSTM(3 * e, s["units"], s["layers"], batch_first=True, dropout=between)
        widths = [s["units"] + e] + [s["mlp_width"]] * s["mlp_depth"]
        self.mlp = nn.ModuleList(nn.Linear(inputs, outputs) for inputs, outputs in zip(widths, widths[1:]))
        self.head = nn.Linear(s["mlp_width"], actions)
        self.embedding_dropout, self.unit_dropout = nn.Dropout(s["embedding_dropout"]), nn.Dropout(s["unit_dropout"])

    def hide(self, embedded, masked):
        return embedded if masked is None else torch.where(masked[:, 1:, None], self.embed["mask"]["weight"], embedded)

    def forward(self, observations, actions, rewards, masked=None):
        of_actions, of_rewards = (None, None) if masked is None else masked.unbind(-1)
        observation = self.embedding_dropout(self.embed_observations(self.embed["observation"], observations))
        action = self.hide(self.embed["action"](actions[:, :-1]), of_actions)
        reward = self.hide(self.embed["reward"](rewards[:, :-1, None]), of_rewards)
        past = torch.cat([observation[:, :-1], *map(self.embedding_dropout, (action, reward))], -1)
        given = past.new_zeros(len(past), 1, self.lstm.hidden_size)
        if past.shape[1]:
            given = torch.cat([given, self.unit_dropout(self.lstm(past)[0])], 1)
        x = torch.cat([given, observation], -1)
        for layer in self.mlp:
            x = F.relu(layer(x))
        return self.head(x)


MODELS = {"transformer": Transformer, "lstm": LSTMModel}


@torch.no_grad()
def predict(model, observations, actions, rewards):
    """Logits (N, A) along a stream of observations (N, ...), actions (N) and rewards (N): row t is computed from rows
    max(0, t - c + 1) to t."""
    context = model.context
    rows = []
    for t in range(len(actions)):
        window = slice(max(0, t - context + 1), t + 1)
        rows.append(model(observations[None, window], actions[None, window], rewards[None, window])[0, -1])
    return torch.stack(rows)
