"""Small versions of networks of Hugging Face transformers: text encoders with dynamic batch and sequence, and towers for images."""

import transformers
from torch import nn
from torch.nn import functional as F

import exporters
from zoo.network import CLASSES, Network, Images, Tokens

VOCABULARY = 50
SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
TEXT = Tokens(VOCABULARY, "input_ids", "attention_mask", "token_type_ids")
PLAIN_TEXT = Tokens(VOCABULARY, "input_ids", "attention_mask")


class TextScores(nn.Module):
    """Only the scores of a model with a classification head."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        segments = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        return self.model(input_ids=input_ids, attention_mask=attention_mask, **segments).logits


class ImageScores(nn.Module):
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input):
        return self.model(pixel_values=input).logits


class SentenceScores(nn.Module):
    """A sentence encoder's embedding (the mean over all tokens but padding, normalized to length one) and a linear head on it."""

    def __init__(self, model: nn.Module, features: int):
        super().__init__()
        self.model, self.head = model, nn.Linear(features, CLASSES)

    def forward(self, input_ids, attention_mask, token_type_ids):
        states = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return self.head(F.normalize(mean, dim=1))


class ImageTower(nn.Module):
    """CLIP's embedding of an image, and a linear head on it."""

    def __init__(self, model: nn.Module, features: int):
        super().__init__()
        self.model, self.head = model, nn.Linear(features, CLASSES)

    def forward(self, input):
        return self.head(self.model(pixel_values=input).image_embeds)


def bert(attention: str = "sdpa"):
    def build() -> nn.Module:
        config = transformers.BertConfig(vocab_size=VOCABULARY, max_position_embeddings=16, num_labels=CLASSES, **SIZES)
        return TextScores(transformers.BertForSequenceClassification._from_config(config, attn_implementation=attention))
    return build


def distilbert() -> nn.Module:
    config = transformers.DistilBertConfig(
        vocab_size=VOCABULARY, max_position_embeddings=16, dim=32, n_layers=2, n_heads=2, hidden_dim=64, num_labels=CLASSES,
    )
    return TextScores(transformers.DistilBertForSequenceClassification(config))


def minilm() -> nn.Module:
    """MiniLM's layout: BERT without its pooler, averaged."""
    config = transformers.BertConfig(vocab_size=VOCABULARY, max_position_embeddings=16, **SIZES)
    return SentenceScores(transformers.BertModel(config, add_pooling_layer=False), 32)


def vit() -> nn.Module:
    config = transformers.ViTConfig(image_size=32, patch_size=8, num_labels=CLASSES, **SIZES)
    return ImageScores(transformers.ViTForImageClassification(config))


def dinov2() -> nn.Module:
    """With position embeddings for another image size than its input's, so that they are interpolated."""
    config = transformers.Dinov2Config(image_size=48, patch_size=8, num_labels=CLASSES, mlp_ratio=2, **{k: v for k, v in SIZES.items() if k != "intermediate_size"})
    return ImageScores(transformers.Dinov2ForImageClassification(config))


def clip() -> nn.Module:
    config = transformers.CLIPVisionConfig(image_size=32, patch_size=8, projection_dim=24, **SIZES)
    return ImageTower(transformers.CLIPVisionModelWithProjection(config), 24)


def network(build, export=exporters.torchscript, inputs=Images(32)) -> Network:
    return Network("transformers", inputs, build=build, export=export)


NETWORKS: dict[str, Network] = {
    "bert-torchscript": network(bert(), inputs=TEXT),
    "bert-dynamo": network(bert(), exporters.dynamo, TEXT),
    "bert-ort_extended": network(bert("eager"), exporters.extended(exporters.torchscript), TEXT),
    "bert-ort_transformers": network(bert("eager"), exporters.transformers_optimizer(exporters.torchscript, "bert", 2, 32), TEXT),
    "distilbert-torchscript": network(distilbert, inputs=PLAIN_TEXT),
    "distilbert-dynamo": network(distilbert, exporters.dynamo, PLAIN_TEXT),
    "minilm-torchscript": network(minilm, inputs=TEXT),
    "minilm-dynamo": network(minilm, exporters.dynamo, TEXT),
    "vit_hf-torchscript": network(vit),
    "vit_hf-ort_transformers": network(vit, exporters.transformers_optimizer(exporters.torchscript, "vit", 2, 32)),
    "dinov2-torchscript": network(dinov2),
    "clip-torchscript": network(clip),
    "clip-dynamo": network(clip, exporters.dynamo),
}
