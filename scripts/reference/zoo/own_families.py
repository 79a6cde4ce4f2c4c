"""Families written here: common in users' code, but in no model library."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from zoo.network import CLASSES, Family, Features, Images, Tokens

VOCABULARY = 50


class WeightNorm(nn.Module):
    """Convolutions with weight normalization: a direction and a length."""

    def __init__(self):
        super().__init__()
        self.first = weight_norm(nn.Conv2d(3, 8, 3, padding=1))
        self.second = weight_norm(nn.Conv2d(8, 16, 3, stride=2))
        self.scale = nn.Parameter(torch.zeros(16, 1, 1))
        self.temperature = nn.Parameter(torch.zeros(()))
        self.head = weight_norm(nn.Linear(16, CLASSES))

    def forward(self, x):
        x = F.relu(self.second(F.relu(self.first(x)))) * (1 + self.scale)
        return self.head(x.mean((2, 3))) * self.temperature.exp()


class FeatureTransformer(nn.Module):
    """FT-Transformer: each column a token x·w + b, a token for the class, and attention among them."""

    def __init__(self, columns: int = 6, width: int = 16):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(columns, width)), nn.Parameter(torch.zeros(columns, width))
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        layer = nn.TransformerEncoderLayer(width, 2, 32, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, x):
        tokens = x.unsqueeze(-1) * self.weight + self.bias
        tokens = torch.cat([self.token.repeat(x.shape[0], 1, 1), tokens], 1)
        return self.head(self.norm(self.layers(tokens)[:, 0]))


class Recurrent(nn.Module):
    """Word embeddings, followed by a bidirectional recurrent network."""

    def __init__(self, kind: type):
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, 16)
        self.layers = kind(16, 12, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(24, CLASSES)

    def forward(self, input_ids):
        return self.head(self.layers(self.words(input_ids))[0].mean(1))


class Coordinates(nn.Module):
    """A network over constant coordinates, whose result modulates an image's features (as hypernetworks and CoordConv do)."""

    def __init__(self):
        super().__init__()
        y, x = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")
        self.register_buffer("grid", torch.stack([x, y], -1))
        self.field = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 8))
        self.stem, self.head = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Linear(8, CLASSES)

    def forward(self, x):
        return self.head((self.stem(x) * self.field(self.grid).permute(2, 0, 1)).mean((2, 3)))


IDS = Tokens(VOCABULARY, "input_ids")

FAMILIES: dict[str, Family] = {
    "weight_norm": Family("own", Images(32), build=WeightNorm),
    "ft_transformer": Family("own", Features(features=[6]), build=FeatureTransformer),
    "coordinates": Family("own", Images(32), build=Coordinates),
    "lstm": Family("own", IDS, build=lambda: Recurrent(nn.LSTM)),
    "gru": Family("own", IDS, build=lambda: Recurrent(nn.GRU)),
}
