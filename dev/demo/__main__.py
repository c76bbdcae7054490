"""Start the real server, run the story, and fail on an unexpected answer."""

import sys

from dev.demo.story import UnexpectedError, tell
from dev.scripts.server import ServerError, serving


def main() -> str | None:
    """Run the story; return the error."""
    try:
        with serving() as server:
            tell(server)
    except (ServerError, UnexpectedError) as error:
        return f"demo: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main())
