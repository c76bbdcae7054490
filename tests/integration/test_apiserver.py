"""The apiserver that the tests of this folder share works."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dev.apiserver.client import Client


def test_config_map_round_trip(apiserver: Client) -> None:
    """What was applied and then patched is what is read."""
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "round-trip", "namespace": "default"},
        "data": {"colour": "magenta"},
    }

    created = apiserver.apply(config_map)
    patched = apiserver.patch("v1", "ConfigMap", "round-trip", {"data": {"size": "small"}})
    read = apiserver.get("v1", "ConfigMap", "round-trip")

    assert created.status == HTTPStatus.CREATED
    assert patched.status == HTTPStatus.OK
    assert read.body["data"] == {"colour": "magenta", "size": "small"}


def test_unknown_field_is_refused(apiserver: Client) -> None:
    """A misspelled field is an error, not silence."""
    answer = apiserver.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "misspelled"},
            "dtaa": {"colour": "magenta"},
        }
    )

    assert answer.status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert ".dtaa: field not declared in schema" in answer.body["message"]
