"""The S3 server for backups, as the platform of `make up` starts it."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pyrage import x25519

from dev.platform import place, s3
from dev.platform.place import Place
from dev.platform.programs import Program
from tests.support.tools import tool


@pytest.fixture
def address(somewhere: Place, serve: Callable[[Program, Mapping[str, str]], str]) -> str:
    """Return the address of a server that was started by the platform's command."""
    tool("versitygw", "tools-apiserver")
    return serve(s3.program(somewhere), {f":{place.S3_PORT}": "127.0.0.1:PORT"})


def test_it_is_known_by_its_ca_and_refuses_strangers(address: str, somewhere: Place) -> None:
    """The server proves itself by its own CA, and gives the bucket to the credentials only."""
    context = ssl.create_default_context(cafile=str(somewhere.folder / "s3" / "ca.crt"))

    assert _status(f"{address}/{s3.BUCKET}", context) == 403
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        _status(address, ssl.create_default_context())


def test_a_start_keeps_what_is_there(somewhere: Place) -> None:
    """Another `make up` leaves credentials, certificate and archives as they are."""
    before = s3.program(somewhere)
    archive = somewhere.folder / "s3" / "store" / s3.BUCKET / "archive"
    archive.write_text("saved")

    assert s3.program(somewhere) == before
    assert archive.read_text() == "saved"
    file = somewhere.folder / "s3" / "credentials.json"
    assert file.stat().st_mode & 0o777 == 0o600
    keys = json.loads(file.read_text())
    assert keys == {
        "accessKeyId": before.env["ROOT_ACCESS_KEY"],
        "secretAccessKey": before.env["ROOT_SECRET_KEY"],
    }
    assert not set(keys.values()) & set(before.command)


def test_its_backups_are_encrypted(somewhere: Place) -> None:
    """The Input has the public key of an identity that no other user of the machine reads."""
    s3.program(somewhere)
    made: Any = s3.own_input(somewhere.folder)
    age = made["backup"]["targets"]["nightly"]["s3"]["age"]
    file = somewhere.folder / "s3" / "keys.txt"

    assert age == {
        "recipients": [str(x25519.Identity.from_str(file.read_text()).to_public())],
        "identitySecretRef": {"name": "backup-age", "key": "keys.txt"},
    }
    assert file.stat().st_mode & 0o777 == 0o600
    assert s3.own_input(somewhere.folder) == made


def _status(url: str, context: ssl.SSLContext) -> int:
    """Return the answer's status."""
    try:
        with urllib.request.urlopen(url, context=context) as answer:  # noqa: S310 -- https
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
