"""The virtual cluster, as its administrator: our bindings, and the certificate of its server."""

import base64
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from lightkube.config.kubeconfig import SingleConfig
from lightkube.core.exceptions import ApiError
from lightkube.models import rbac_v1 as rbac
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.rbac_authorization_v1 import ClusterRoleBinding, RoleBinding
from lightkube.types import PatchType

from jobs.access import validity
from jobs.access.model import (
    NAME_PREFIX,
    OWNED_BY,
    Binding,
    Connection,
    Grant,
    Obstacle,
    Place,
    Subject,
    Subjects,
)
from jobs.bounded_api import CALL_SECONDS, Metadata
from jobs.errors import one_line
from jobs.kubeconfig_secret import connect
from jobs.kubernetes import CONFLICT, NOT_FOUND, call
from jobs.transport import accept_private_ca

FIELD_MANAGER = "vcluster-access"

RBAC = "rbac.authorization.k8s.io"
HTTPS = 443

TAKEN = "AlreadyExists"
"""Reason of the API server for a name that another object has."""

KINDS: tuple[Any, ...] = (ClusterRoleBinding, RoleBinding)


class RawBinding(Metadata):
    """A binding as the virtual cluster says, which may be another program than it seems."""

    roleRef: Any = None  # noqa: N815  # Kubernetes' name
    subjects: Any = None


class Inside:
    """A client of one virtual cluster."""

    def __init__(self, config: SingleConfig) -> None:
        """Prepare a client; nothing is sent yet."""
        self._config = config
        self._client = connect(config, field_manager=FIELD_MANAGER)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def bindings(self) -> tuple[Binding, ...]:
        """Return our bindings of all namespaces."""
        return call(lambda: tuple(self._bindings()), "the bindings in the virtual cluster")

    def _bindings(self) -> Iterator[Binding]:
        selector = "=".join(OWNED_BY)
        for kind in KINDS:
            where = {"namespace": "*"} if kind is RoleBinding else {}
            for raw in self._client.objects(kind, RawBinding, selector=selector, **where):
                if (raw.metadata.name or "").startswith(NAME_PREFIX):
                    yield _binding(raw)

    def bind(self, grant: Grant, subjects: Subjects) -> Obstacle | None:
        """Make a binding; return the obstacle if it is refused."""
        place, kind = grant.place, _kind(grant.place)
        body = kind(
            metadata=ObjectMeta(
                name=place.name, namespace=place.namespace or None, labels=dict([OWNED_BY])
            ),
            roleRef=rbac.RoleRef(apiGroup=RBAC, kind="ClusterRole", name=grant.cluster_role),
            subjects=[rbac.Subject(**each) for each in _bodies(subjects)],
        )
        return _attempt(place, lambda: self._client.create(body))

    def set_subjects(self, binding: Binding, subjects: Subjects) -> Obstacle | None:
        """Replace the subjects of a binding, if it is still the one that was read."""
        place = binding.place
        patch = {
            "metadata": {"resourceVersion": binding.version, "uid": binding.uid},
            "subjects": _bodies(subjects),
        }
        where: dict[str, Any] = {"namespace": place.namespace} if place.namespace else {}
        return _attempt(
            place,
            lambda: self._client.patch(
                _kind(place), place.name, patch, patch_type=PatchType.MERGE, **where
            ),
        )

    def unbind(self, binding: Binding) -> Obstacle | None:
        """Remove a binding, if it is still the one that was read."""
        place = binding.place
        return _attempt(
            place,
            lambda: self._client.delete_seen(
                _kind(place),
                place.name,
                namespace=place.namespace or None,
                uid=binding.uid,
                version=binding.version,
                propagation="Background",
            ),
        )

    def server_certificate(self) -> bytes | None:
        """Return the certificate of the server in DER, None if none can be verified."""
        cluster = self._config.cluster
        parts = urlsplit(cluster.server)
        try:
            authority = base64.b64decode(cluster.certificate_auth_data or "").decode()
            context = accept_private_ca(ssl.create_default_context(cadata=authority or None))
            with (
                socket.create_connection(
                    (parts.hostname or "", parts.port or HTTPS), CALL_SECONDS
                ) as plain,
                context.wrap_socket(plain, server_hostname=parts.hostname) as connection,
            ):
                return connection.getpeercert(binary_form=True)
        except (OSError, ValueError):
            return None


def connection(config: SingleConfig) -> Connection:
    """Return the public part of a kubeconfig."""
    user = config.user
    authority = config.cluster.certificate_auth_data or ""
    return Connection(
        server=config.cluster.server,
        certificate_authority=authority,
        ca_until=validity.earliest(authority),
        client_until=validity.earliest(user.client_cert_data if user else None),
    )


def _binding(raw: RawBinding) -> Binding:
    metadata, role = raw.metadata, raw.roleRef
    return Binding(
        place=Place(metadata.namespace or "", metadata.name or ""),
        cluster_role=role["name"] if role["kind"] == "ClusterRole" else "",
        subjects=frozenset(
            Subject(each["kind"], each["name"], each.get("namespace", ""))
            for each in raw.subjects or ()
        ),
        uid=metadata.uid or "",
        version=metadata.resourceVersion or "",
        is_ending=metadata.deletionTimestamp is not None,
    )


def _kind(place: Place) -> Any:  # noqa: ANN401
    return RoleBinding if place.namespace else ClusterRoleBinding


def _bodies(subjects: Subjects) -> list[dict[str, str]]:
    return [{"kind": each.kind, "name": each.name, "apiGroup": RBAC} for each in sorted(subjects)]


def _attempt(place: Place, change: Callable[[], object]) -> Obstacle | None:
    """Do a change; return the obstacle if it is refused, which stops no other change.

    An object that was changed or removed since it was read is none: it is read again.
    """

    def attempt() -> Obstacle | None:
        try:
            change()
        except ApiError as error:
            if error.status.code == CONFLICT and error.status.reason != TAKEN:
                raise
            return _obstacle(error, place)
        return None

    return call(attempt, str(place))


def _obstacle(error: ApiError, place: Place) -> Obstacle | None:
    """Return the obstacle that the refusal of a change means, None where the object is gone."""
    status = error.status
    if status.reason == TAKEN:
        key, value = OWNED_BY
        message = (
            f"{place} has no label {key}={value}, or is being removed, so it stays as it is: "
            "remove it there."
        )
        return Obstacle("NameTaken", message)
    is_missing = status.code == NOT_FOUND
    if is_missing and not _is_about(error, "namespaces"):
        return None
    if is_missing or _is_ending(error):
        message = (
            f"Namespace {place.namespace} does not exist in the virtual cluster: create it there, "
            "or take it out of spec.access."
        )
        return Obstacle("NamespaceMissing", message)
    return Obstacle("BindingRefused", one_line(f"{place}: {status.message}"))


def _is_about(error: ApiError, resource: str) -> bool:
    """Return whether an object of a resource is missing."""
    return bool(error.status.details and error.status.details.kind == resource)


def _is_ending(error: ApiError) -> bool:
    """Return whether an object was refused because its namespace is being removed."""
    causes = (error.status.details and error.status.details.causes) or ()
    return any(cause.reason == "NamespaceTerminating" for cause in causes)
