"""The files that commands read; a bad one ends the program with one line."""

import json
import sys
from collections.abc import Mapping
from typing import NoReturn, TextIO

import click
import yaml

from function.api import validate, xr
from function.api.errors import InvalidError
from function.commands import adopt, documents, images
from function.k8s.fieldpath import get


def proposal(vcluster: TextIO, composition: TextIO, release: TextIO) -> adopt.Proposal:
    """Return the proposal for an adoption."""
    composites = [one for one in read_all(vcluster) if get(one, "kind") == xr.KIND]
    config = one_input(composition)
    if len(composites) != 1 or not isinstance(composites[0], dict):
        fail(f"{vcluster.name} must hold one {xr.KIND}")
    try:
        status = json.load(release)
        objects = [*documents.read(str(get(status, "manifest") or ""))]
    except (ValueError, yaml.YAMLError):
        fail(f"{release.name} is not what `{adopt.HELM_STATUS}` prints")
    try:
        installed = adopt.helm_release(status, objects)
    except InvalidError as error:
        fail(str(error))
    return adopt.propose(composites[0], config, installed)


def one_input(file: TextIO) -> Mapping[str, object]:
    """Return the only Input of a file."""
    inputs = [*images.inputs(read_all(file))]
    if len(inputs) != 1:
        fail(f"{file.name} must hold one Input of this function, or a Composition with it")
    return inputs[0]


def read_all(file: TextIO) -> list[object]:
    """Return the documents of a file."""
    try:
        return [*documents.read(file)]
    except (yaml.YAMLError, UnicodeDecodeError):
        fail(f"{file.name} is not YAML, or too large")


def listed_images(file: TextIO) -> list[images.Listed]:
    """Return the images that the Inputs of a file may need."""
    try:
        inputs = [*images.inputs(documents.read(file))]
        if not inputs:
            fail(f"{file.name} has no Input of this function, and no Composition with one")
        entries = {each for one in inputs for each in images.listed(validate.platform_input(one))}
    except (yaml.YAMLError, UnicodeDecodeError):
        fail(f"{file.name} is not YAML, or too large")
    except InvalidError as error:
        fail(str(error))
    return sorted(entries)


def fail(why: str) -> NoReturn:
    """End the program."""
    click.echo(f"function: {why}", err=True)
    sys.exit(1)
