"""The S3 client of botocore, because it signs requests as every server of S3 expects.

It uses the credentials of the target, no configuration file, and nothing of the machine.
"""

import functools
from typing import Any

from botocore.config import Config
from botocore.session import Session

from jobs.backup.model import Credentials, Target
from jobs.transport import accept_private_ca

CONNECT_SECONDS = 10
READ_SECONDS = 30
ATTEMPTS = 2


def open_client(target: Target, credentials: Credentials, ca_file: str) -> Any:  # noqa: ANN401  # made at run time
    """Return a client for a target; nothing is sent yet."""
    client: Any = _session().create_client(
        "s3",
        region_name=target.region or "us-east-1",
        endpoint_url=target.endpoint,
        verify=ca_file or True,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token or None,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            s3={"addressing_style": "path" if target.path_style else "virtual"},
            # The archive has a SHA-256 of its own, and not every server of S3 knows the others.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    pool = client._endpoint.http_session._manager.connection_pool_kw  # noqa: SLF001  # no setting
    accept_private_ca(pool["ssl_context"])
    return client


@functools.cache
def _session() -> Session:
    """Return a session, which holds the models of S3."""
    session = Session()
    for name in ("config_file", "credentials_file", "profile"):
        session.set_config_variable(name, None)
    return session
