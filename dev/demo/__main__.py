"""Start the real server, tell the story, and fail if it does not end well."""

import sys

from dev.demo.story import UnexpectedError, tell
from dev.scripts.server import ServerError, serving


def main() -> str | None:
    """Tell the story; return what went wrong."""
    try:
        with serving() as server:
            tell(server)
    except (ServerError, UnexpectedError) as error:
        return f"demo: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main())
