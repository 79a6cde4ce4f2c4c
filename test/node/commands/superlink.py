"""Writes keys and certificates of a SuperLink and two nodes: ca.crt, server.crt, server.key, node-0, node-0.pub, node-1, node-1.pub.

usage: superlink.py FOLDER
"""

import datetime
import ipaddress
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

folder = Path(sys.argv[1])
PEM, PLAIN = serialization.Encoding.PEM, serialization.NoEncryption()


def name(words):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


def certificate(subject, key, issuer, issuer_key, *extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(
        issuer_name=name(issuer),
        subject_name=name(subject),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(hours=1),
        not_valid_after=now + datetime.timedelta(days=1),
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(PEM)


authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
basic = x509.BasicConstraints(ca=True, path_length=None)
(folder / "ca.crt").write_bytes(certificate("test", authority, "test", authority, basic))
hosts = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
(folder / "server.crt").write_bytes(certificate("localhost", server, "test", authority, hosts))
(folder / "server.key").write_bytes(server.private_bytes(PEM, serialization.PrivateFormat.PKCS8, PLAIN))
for i in range(2):
    node = ec.generate_private_key(ec.SECP384R1())
    (folder / f"node-{i}").write_bytes(node.private_bytes(PEM, serialization.PrivateFormat.OpenSSH, PLAIN))
    formats = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    (folder / f"node-{i}.pub").write_bytes(node.public_key().public_bytes(*formats))
