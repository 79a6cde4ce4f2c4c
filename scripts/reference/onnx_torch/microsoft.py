"""Operators of the domain com.microsoft, as ONNX Runtime's optimizer writes them, defined as in its ContribOperators.md."""

import math

import torch
from torch.nn import functional as F

from onnx_torch.layers import conv, gemm
from onnx_torch.registry import operator


def microsoft(name):
    return operator(f"com.microsoft.{name}")


def activated(x, activation=b"", parameters=()):
    """Behind a fused operator."""
    kind = activation.decode() if isinstance(activation, bytes) else activation
    if kind == "Clip":
        return x.clamp(*parameters)
    if kind == "LeakyRelu":
        return F.leaky_relu(x, parameters[0])
    if kind == "HardSigmoid":
        return (parameters[0] * x + parameters[1]).clamp(0, 1)
    return {"": lambda v: v, "Relu": torch.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh}[kind](x)


@microsoft("FusedConv")
def fused_conv(x, w, b=None, z=None, activation=b"", activation_params=(), **attributes):
    y = conv(x, w, b, **attributes)
    return activated(y if z is None else y + z, activation, activation_params)


@microsoft("FusedGemm")
def fused_gemm(a, b, c=None, activation=b"", activation_alpha=None, activation_beta=None, **attributes):
    return activated(gemm(a, b, c, **attributes), activation, [p for p in (activation_alpha, activation_beta) if p is not None])


@microsoft("FusedMatMul")
def fused_matmul(a, b, alpha=1.0, transA=0, transB=0, transBatchA=0, transBatchB=0):
    if transBatchA or transBatchB:
        raise NotImplementedError("FusedMatMul with transBatchA or transBatchB")
    return alpha * ((a.mT if transA else a) @ (b.mT if transB else b))


@microsoft("Gelu")
def gelu(x):
    return F.gelu(x)


@microsoft("BiasGelu")
def bias_gelu(x, bias):
    return F.gelu(x + bias)


@microsoft("FastGelu")
def fast_gelu(x, bias=None):
    return F.gelu(x if bias is None else x + bias, approximate="tanh")


@microsoft("QuickGelu")
def quick_gelu(x, alpha=1.702):
    return x * torch.sigmoid(alpha * x)


@microsoft("SkipLayerNormalization")
def skip_layer_normalization(x, skip, gamma, beta=None, bias=None, epsilon=1e-12):
    total = x + skip if bias is None else x + skip + bias
    return F.layer_norm(total, gamma.shape, gamma, beta, epsilon), None, None, total


@microsoft("EmbedLayerNormalization")
def embed_layer_normalization(ids, segment_ids, words, positions, segments=None, gamma=None, beta=None, mask=None, position_ids=None, epsilon=1e-12, mask_index_type=0):
    placed = positions[: ids.shape[1]] if position_ids is None else positions[position_ids]
    total = words[ids] + placed if segments is None else words[ids] + placed + segments[segment_ids]
    counts = torch.zeros(len(ids), dtype=torch.int32) if mask is None else mask.sum(1)
    return F.layer_norm(total, gamma.shape, gamma, beta, epsilon), counts, total


def heads_of(x, heads: int):
    """[batch, positions, heads * features] as [batch, heads, positions, features]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def attend(q, k, v, heads: int, bias, scale: float):
    q, k, v = (heads_of(x, heads) for x in (q, k, v))
    scores = q @ k.mT * (scale or 1 / math.sqrt(q.shape[-1]))
    return (torch.softmax(scores if bias is None else scores + bias, -1) @ v).transpose(1, 2).flatten(2)


@microsoft("Attention")
def attention(x, weights, bias=None, mask=None, past=None, scores=None, num_heads=1, mask_filter_value=-10000.0, scale=0.0, unidirectional=0):
    if past is not None or unidirectional:
        raise NotImplementedError("Attention with a past or in one direction")
    if mask is not None and mask.dim() == 1:  # the number of valid positions
        mask = torch.arange(x.shape[1]) < mask[:, None]
    projected = x @ weights if bias is None else x @ weights + bias
    terms = [] if mask is None else [((1 - mask.to(x.dtype)) * mask_filter_value)[:, None, None, :]]
    terms += [] if scores is None else [scores]
    return attend(*projected.chunk(3, -1), num_heads, sum(terms) if terms else None, scale)


@microsoft("MultiHeadAttention")
def multi_head_attention(query, key, value, bias=None, padding=None, scores=None, num_heads=1, scale=0.0, mask_filter_value=-10000.0):
    if padding is not None:
        raise NotImplementedError("MultiHeadAttention with a padding mask")
    parts = (0, 0, 0) if bias is None else bias.split([query.shape[-1], key.shape[-1], value.shape[-1]])
    return attend(query + parts[0], key + parts[1], value + parts[2], num_heads, scores, scale)
