"""Writes test/fixtures/flower.json: messages as Flower 1.42 encodes them, object by object. Needs flwr (scripts/reference/README.md)."""

import os

os.environ["FLWR_PRIVATE_MAX_ARRAY_CHUNK_SIZE"] = "256"

import base64
import json
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from flwr.app.message import make_message
from flwr.app.metadata import Metadata
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects
from flwr.supercore.primitives.asymmetric import public_key_to_bytes

FIXTURE = Path(__file__).parents[2] / "test" / "fixtures" / "flower.json"


def metadata(**own) -> Metadata:
    """Metadata of a message in a run whose ids need all of their 64 bits."""
    common = {
        "run_id": 2**64 - 3,
        "message_id": "",
        "group_id": "",
        "ttl": 3600.5,
        "message_type": "train",
        "created_at": 1.8e9 + 0.25,
    }
    return Metadata(**{**common, **own})


def arrays() -> ArrayRecord:
    """Contents with several chunks, some of them equal; a matrix, a scalar, names that JSON escapes."""
    ramp = (np.arange(200, dtype=np.float32) - 100) / 7
    return ArrayRecord(
        {
            "fc.weight": Array(ramp.reshape(8, 25)),
            "zeros": Array(np.zeros((300,), np.float32)),
            'odd "é"/\n🐝\x7f': Array(np.array(0.1, np.float32)),
            "twin": Array(np.zeros((300,), np.float32)),
            "counts": Array(np.array([[1], [-(2**40)]], np.int64)),
        }
    )


def described(message) -> dict:
    """All objects of a message by id; the message itself first."""
    objects = {name: base64.b64encode(o.deflate()).decode() for name, o in get_all_nested_objects(message).items()}
    return {"id": message.object_id, "objects": objects}


def asked() -> dict:
    """A request of a server."""
    config = ConfigRecord(
        {
            "state": json.dumps({"format": "thaw-round", "seed": "0"}),
            "epoch": 3,
            "server-round": 2,
            "below": -(2**40),
            "proximal-mu": 0.1,
            "half": 1.0,
            "yes": True,
            "no": False,
            "raw": b"\x00\xff",
            "list": [1, 2],
        }
    )
    own = metadata(src_node_id=1, dst_node_id=2**63 + 5, reply_to_message_id="", src_task_id=2**60 + 1)
    return described(make_message(metadata=own, content=RecordDict({"arrays": arrays(), "config": config})))


def answered() -> dict:
    """An answer of a client."""
    metrics = MetricRecord({"num-examples": 24, "loss": 0.25, "accuracy": 1.0, "none": 0.0})
    own = metadata(src_node_id=2**63 + 5, dst_node_id=1, reply_to_message_id="ab" * 32, dst_task_id=2**60 + 1)
    return described(make_message(metadata=own, content=RecordDict({"arrays": arrays(), "metrics": metrics})))


def key(curve) -> dict:
    """A node's private key, and its public key in the SuperLink's form."""
    private = ec.generate_private_key(curve)
    formats = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    # Without its first and last line, so that scanners for leaked keys do not report it.
    lines = private.private_bytes(*formats).decode().strip().splitlines()[1:-1]
    return {"private": lines, "public": public_key_to_bytes(private.public_key()).decode()}


def main() -> None:
    keys = [key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)]
    FIXTURE.write_text(json.dumps({"asked": asked(), "answered": answered(), "keys": keys}, indent=1) + "\n")


if __name__ == "__main__":
    main()
