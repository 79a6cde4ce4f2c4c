"""Writes test/fixtures/networks/NAME.{onnx,json}: whole networks with PyTorch's loss and gradients.

    python scripts/reference/networks.py [NAME...]        all of them if none is named; a name may be a pattern (vit-*)
    python scripts/reference/networks.py --check          rebuilds every model from the committed files alone and runs it
    python scripts/reference/networks.py --list           their names
    python scripts/reference/networks.py --model NAME SOURCE FILE
                                                          the fixture of a model made elsewhere (tensorflow_nets.py)

The .onnx file lacks its parameters: the .json lists them with the formula for their values (generator.py), the reference
loss, and numbers that identify each gradient. The networks and their exports are in zoo/.
"""

import fnmatch
import logging
import sys
import warnings

import onnx
import torch

from reference import FOLDER, check_network, write_model, write_network
from zoo import NETWORKS


def main(arguments: list[str]) -> None:
    if arguments == ["--list"]:
        print("\n".join(NETWORKS))
    elif arguments == ["--check"]:
        for path in sorted(FOLDER.glob("*.json")):
            check_network(path)
    elif arguments and arguments[0] == "--model":
        name, source, file = arguments[1:]
        write_model(name, source, onnx.load(file))
    else:
        for name in NETWORKS:
            if not arguments or any(fnmatch.fnmatch(name, pattern) for pattern in arguments):
                write_network(name, NETWORKS[name])


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    main(sys.argv[1:])
