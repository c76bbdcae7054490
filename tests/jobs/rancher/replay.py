"""Sends recorded requests to the test Rancher and compares the answers."""

import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dev.fake_rancher import FakeRancher
from tests.jobs.rancher.comparison import (
    HEADERS,
    HEADERS_OF_AUTHENTICATION,
    comparable,
    differences,
)

RECORDED = Path(__file__).parent / "recorded"
CALLERS = {"imp": "importer", "impkey": "importer"}

Case = dict[str, Any]


def recorded(flow: str) -> list[Case]:
    """Return the cases of a flow, in their order."""
    cases: list[Case] = json.loads((RECORDED / f"{flow}.json").read_text())
    return cases


def timelines() -> dict[str, list[Case]]:
    """Return what was seen one after the other, after a create, a connection, a removal."""
    found: dict[str, list[Case]] = json.loads((RECORDED / "timelines.json").read_text())
    return found


def each(flow: str) -> pytest.MarkDecorator:
    """Return the cases of a flow as parameters, for those that need no order."""
    cases = [pytest.param(case, id=case["case"]) for case in recorded(flow)]
    return pytest.mark.parametrize("case", cases)


class Replay:
    """A client that speaks for all users of the recordings."""

    def __init__(self, fake: FakeRancher) -> None:
        """Prepare."""
        self.fake = fake
        context = ssl.create_default_context(cadata=fake.ca)
        self.client = httpx2.Client(base_url=fake.url, verify=context, trust_env=False)
        self.names: dict[str, str] = {}
        """Recorded name -> ours."""
        self.failures: list[str] = []

    def token(self, caller: str) -> str:
        """Return the token of a recorded caller."""
        if caller in ("bad", "garb"):
            return "token-abcde:wrong" if caller == "bad" else "garbage"
        if caller == "scoped":
            return self.fake.new_token("admin", cluster="local")
        return self.fake.token(CALLERS.get(caller, caller))

    def translated(self, text: str) -> str:
        """Return a text with our names instead of the recorded ones."""
        text = re.sub(r"https://127\.0\.0\.1:18[46]43", self.fake.url, text)
        for theirs, ours in self.names.items():
            text = text.replace(theirs, ours)
        return text

    def call(
        self, method: str, path: str, caller: str = "importer", **more: Any
    ) -> httpx2.Response:
        """Send a request for a user; "" is nobody."""
        headers = {"Accept": "application/json", **more.pop("headers", {})}
        headers |= {"Authorization": f"Bearer {self.token(caller)}"} if caller else {}
        return self.client.request(method, path, headers=headers, **more)

    def send(self, case: Case) -> httpx2.Response:
        """Send a recorded request."""
        request = case["request"]
        more: dict[str, Any] = {}
        if "body" in request:
            more["headers"] = {"Content-Type": request["content_type"]}
            more["content"] = self.translated(json.dumps(request["body"]))
        path = self.translated(request["path"])
        return self.call(request["method"], path, request["caller"], **more)

    def play(self, *cases: Case) -> None:
        """Send recorded requests, and note where the answers differ."""
        for case in cases:
            answer = self.send(case)
            self.failures += [f"{case['case']}: {line}" for line in compared(case, answer)]

    def play_flow(self, flow: str, *, before: str = "", since: str = "") -> None:
        """Send the requests of a flow: all, or those before or since a case."""
        cases = recorded(flow)
        names = [case["case"] for case in cases]
        first = names.index(since) if since else 0
        last = names.index(before) if before else len(names)
        self.play(*cases[first:last])

    def know(self, theirs: str, name: str) -> None:
        """Translate the id of a cluster, and its token if it has one."""
        cluster = self.fake.clusters()[name]
        self.names[theirs] = cluster.id
        stored = self.fake.state.by_id(cluster.id)
        for token in stored.tokens.values() if stored else ():
            number = {"real-vc1": "00", "real-vc2": "01"}.get(name, "02")
            self.names[f"exampletoken{number}{'x' * 40}"] = token.token


def compared(case: Case, answer: httpx2.Response) -> Iterator[str]:
    """Return how an answer differs from the recorded one."""
    response = case["response"]
    if answer.status_code != response["status"]:
        yield f"status {response['status']}, ours {answer.status_code}: {answer.text[:300]}"
        return
    unauthenticated = case["case"].startswith("webhook-")
    for name in HEADERS:
        theirs, ours = response["headers"].get(name), answer.headers.get(name)
        if not (unauthenticated and name in HEADERS_OF_AUTHENTICATION):
            yield from differences(comparable(theirs), comparable(ours), name)
    if "text" in response and answer.text != response["text"]:
        yield f"recorded {response['text']!r}, ours {answer.text!r}"
    if "body" in response:
        yield from differences(comparable(response["body"]), comparable(answer.json()))
