"""Rancher's API: Steve `/v1`, Norman `/v3` for what Steve cannot do, and the clusters behind it.

No official API imports a cluster; these are the requests of Rancher's own dashboard.
"""

from urllib.parse import quote, urlsplit

import httpx2

from jobs.errors import TransientError
from jobs.rancher import answers
from jobs.rancher.connection import NOT_FOUND, OK, is_typeless, network_error, read_answer
from jobs.rancher.model import PROOF, Registration
from jobs.rancher.norman import Norman
from jobs.rancher.steve import Steve

NORMAN_TOKENS = "/v3/tokens"
EXT_TOKENS = "/v1/ext.cattle.io.tokens"
EXT_PREFIX = "ext/"


class Rancher(Steve, Norman):
    """All requests of the import to one Rancher."""

    def token_expiry(self) -> str | None:
        """Return the time at which the token expires: "" for never, None if it is unknown.

        Rancher ignores a filter for the current token, and no API key is ever current.
        """
        name, colon, _ = self._token.read().partition(":")
        if not colon:
            return None
        ext = name.removeprefix(EXT_PREFIX)
        path = f"{EXT_TOKENS if ext != name else NORMAN_TOKENS}/{quote(ext, safe='')}"
        answer = self.call("GET", path)
        return read_answer(answer, answers.read_expiry) if answer.status_code == OK else None

    def identity(self, cluster_id: str) -> str:
        """Return the identity of the virtual cluster that Rancher reaches as a cluster."""
        path = f"/k8s/clusters/{cluster_id}/api/v1/namespaces/kube-system"
        right = "get the namespace kube-system in the cluster"
        return self.read(self.call("GET", path), right, answers.read_uid)

    def proof(self, cluster_id: str) -> str:
        """Return the nonce in the virtual cluster that Rancher reaches as a cluster."""
        path = f"/k8s/clusters/{cluster_id}/api/v1/namespaces/kube-system/configmaps/{PROOF}"
        answer = self.call("GET", path)
        if answer.status_code == NOT_FOUND and not is_typeless(answer):
            return ""
        return self.read(answer, "get ConfigMaps in the cluster", answers.read_nonce)

    def manifest(self, registration: Registration) -> str:
        """Fetch the import manifest, from the host of RANCHER_URL and without the token."""
        base = urlsplit(self._options.url)
        url = f"{base.scheme}://{base.netloc}{registration.path}"
        try:
            answer = self._client.get(url, auth=None)
        except httpx2.HTTPError as error:
            raise network_error(error) from None
        if answer.status_code != OK:
            message = f"Rancher answers {answer.status_code} instead of its manifest."
            raise TransientError("ManifestRefused", message)
        return answer.text
