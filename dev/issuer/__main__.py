"""The issuer as a program, which runs until SIGTERM."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from dev.fake_rancher import tls
from dev.fake_rancher.listener import Listener
from dev.issuer.keys import Keys
from dev.issuer.provider import Provider


def main() -> None:
    """Serve the issuer of a folder: its certificate and CA, and its keys."""
    parser = argparse.ArgumentParser(prog="python -m dev.issuer", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--port", type=int, required=True, help="port to listen at")
    parser.add_argument("--url", required=True, help="the issuer, as its tokens name it")
    parser.add_argument("--folder", type=Path, required=True, help="where its files are")
    options = parser.parse_args()
    pair = tls.make(options.folder, tls.NAMES)
    provider = Provider(options.url, Keys(options.folder))
    listener = Listener((options.host, options.port), pair.context(), provider.answer)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    listener.start()
    stopped.wait()
    listener.stop()


if __name__ == "__main__":
    main()
