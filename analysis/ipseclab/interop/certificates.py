# SPDX-License-Identifier: BSD-3-Clause
"""A CA for one cell, and a certificate for either end: by the program openssl."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from ipseclab.interop.sandbox import CellFault
from ipseclab.interop.settings import Pair

_KEYS = {
    "ecdsa": ("EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "rsa": ("RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "ed25519": ("ED25519",),
}
_DAYS = "2"


def _openssl(*words: str) -> None:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CellFault(f"openssl {words[0]}: {' '.join(done.stderr.split())[-120:]}")


def make_key(kind: str, path: Path) -> None:
    """A private key of a kind of End.auth, in PEM."""
    _openssl("genpkey", "-algorithm", *_KEYS[kind], "-out", str(path))


def write_public(private: Path, public: Path) -> None:
    """The public half of a key, in PEM."""
    _openssl("pkey", "-in", str(private), "-pubout", "-out", str(public))


def make(folder: Path, pair: Pair) -> None:
    """FOLDER/certificates: ca.pem, and node and peer, each with .pem and .key."""
    place = folder / "certificates"
    place.mkdir()
    # An Ed25519 CA would sign without a hash of its own, and "-days" is the same for all.
    make_key("ecdsa", place / "ca.key")
    subject = ("-subj", "/O=ipseclab/CN=CA", "-days", _DAYS)
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl(
        *("req", "-x509", "-new", "-key", str(place / "ca.key"), *subject, *usage),
        *("-out", str(place / "ca.pem")),
    )
    for name, end in (("node", pair.node), ("peer", pair.peer)):
        make_key(end.auth, place / f"{name}.key")
        _leaf(place, name, end.identity)


def _leaf(place: Path, name: str, identity: str) -> None:
    request, extensions = place / f"{name}.csr", place / f"{name}.ext"
    lines: Sequence[str] = (f"subjectAltName=DNS:{identity}", "keyUsage=critical,digitalSignature")
    extensions.write_text("\n".join(lines) + "\n", encoding="ascii")
    subject = f"/O=ipseclab/CN={identity}"
    key = str(place / f"{name}.key")
    _openssl("req", "-new", "-key", key, "-subj", subject, "-out", str(request))
    authority = ("-CA", str(place / "ca.pem"), "-CAkey", str(place / "ca.key"))
    _openssl(
        *("x509", "-req", "-in", str(request), *authority, "-CAcreateserial", "-days", _DAYS),
        *("-extfile", str(extensions), "-out", str(place / f"{name}.pem")),
    )
    request.unlink()
    extensions.unlink()
