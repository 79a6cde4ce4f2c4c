"""fastai's `fine_tune` with its defaults: its head, its augmentation, its rates. It keeps the best epoch.

    python scripts/defaults/python/fastai_tune.py FOLDER --tasks hymenoptera,animals --epochs 10
"""

import tempfile

import fastai.callback.schedule  # noqa: F401 (adds fine_tune to Learner)
import pandas as pd
import torch
from fastai.callback.tracker import SaveModelCallback
from fastai.learner import Learner
from fastai.metrics import accuracy
from fastai.torch_core import apply_init, default_device, set_seed
from fastai.vision.augment import Normalize, Resize, aug_transforms
from fastai.vision.data import ImageDataLoaders
from fastai.vision.learner import create_head, default_split
from torch import nn

from runs import BATCH, MEAN, SIZE, STD, Outcome, Task, measure, parser, pretrained_efficientnet_lite0

FEATURES = 1280


class Body(nn.Module):
    """The network without its pooling and its classifier, which fastai replaces."""

    def __init__(self) -> None:
        super().__init__()
        self.net = pretrained_efficientnet_lite0()
        self.net._fc = nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.net.extract_features(images)


def train(task: Task, seed: int, epochs: int) -> Outcome:
    set_seed(seed)
    rows = {split: frame(task, split) for split in ("train", "val", "test")}
    loaders = ImageDataLoaders.from_df(
        pd.concat([rows["train"], rows["val"]]), path="/", valid_col="held_out", bs=min(BATCH, len(rows["train"])), num_workers=0,
        item_tfms=Resize(460), batch_tfms=[*aug_transforms(size=SIZE, min_scale=0.75), Normalize.from_stats(MEAN, STD)],
    )
    net = nn.Sequential(Body(), create_head(FEATURES, len(task.classes)))
    apply_init(net[1], nn.init.kaiming_normal_)
    with tempfile.TemporaryDirectory() as folder:
        learner = Learner(loaders, net, splitter=default_split, metrics=accuracy, path=folder)
        with learner.no_bar(), learner.no_logging():
            learner.fine_tune(epochs, cbs=SaveModelCallback(monitor="accuracy"))
            val = learner.validate()[1]
            test = learner.validate(dl=loaders.test_dl(rows["test"], with_labels=True))[1]
    # `fine_tune` first trains the head for one more epoch.
    return Outcome(val, test, epochs + 1)


def frame(task: Task, split: str) -> pd.DataFrame:
    """Rows of file, class and whether it is held out, in the order that `from_df` expects."""
    rows = [(str(file.resolve()), task.classes[label], split != "train") for file, label in task.samples[split]]
    return pd.DataFrame(rows, columns=["file", "label", "held_out"])


if __name__ == "__main__":
    default_device(False)
    args = parser(__doc__).parse_args()
    measure(args, f"fastai.fine_tune-e{args.epochs}", lambda task, seed: train(task, seed, args.epochs))
