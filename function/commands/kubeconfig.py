"""Issue and revoke the kubeconfigs of the platform's administrators, on an API server."""

import base64
import contextlib
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from lightkube import Client, KubeConfig
from lightkube.config.kubeconfig import DEFAULT_KUBECONFIG, SingleConfig
from lightkube.config.models import Cluster, Context, User
from lightkube.core.exceptions import ApiError, ConfigError
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.authentication_v1 import SelfSubjectReview
from lightkube.resources.core_v1 import Event, Secret, ServiceAccount, ServiceAccountToken
from lightkube.resources.rbac_authorization_v1 import ClusterRoleBinding

from function.api import xr
from function.api.errors import InvalidError
from function.commands import break_glass
from function.commands.break_glass import Access, Reach
from function.k8s.fieldpath import get, text

NOT_FOUND = 404
KEY = "config"


class UnavailableError(Exception):
    """An access that cannot be issued; the message is the cause, without credentials."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command."""

    name: str
    period: str = "1h"
    namespace: str | None = None
    kubeconfig: str | None = None
    context: str | None = None
    host_context: str | None = None
    server: str | None = None


def issue(options: Options) -> str:
    """Return a kubeconfig. Raises `UnavailableError`.

    The Event comes first: without it there is no access.
    """
    now = dt.datetime.now(dt.UTC)
    with _errors():
        lifetime = break_glass.seconds(options.period)
        with _opened(options) as (clients, vcluster, where):
            access = Access(clients.who(), now + dt.timedelta(seconds=lifetime))
            message = break_glass.asked(access)
            clients.log(break_glass.event(vcluster, break_glass.ISSUE, message, now))
            with _inside(options.name, where) as inside:
                _remove(inside, now)
                name = _make(inside, access)
                token = _token(inside, name, lifetime)
    return break_glass.kubeconfig(where, options.name, name, token)


def revoke(options: Options) -> str:
    """End all kubeconfigs, and return the names of their accounts. Raises `UnavailableError`."""
    now = dt.datetime.now(dt.UTC)
    with _errors(), _opened(options) as (clients, vcluster, where):
        with _inside(options.name, where) as inside:
            names = _remove(inside, None)
        message = break_glass.revoked(clients.who())
        clients.log(break_glass.event(vcluster, break_glass.REVOCATION, message, now))
    return "".join(f"{name}\n" for name in names)


@dataclass(frozen=True, slots=True)
class Clients:
    """Clients of the control plane, and of the host."""

    plane: Client
    host: Client

    def who(self) -> str:
        """Return the user's name on the host."""
        review = self.host.create(SelfSubjectReview())
        return (review.status and review.status.userInfo and review.status.userInfo.username) or ""

    def vcluster(self, name: str, namespace: str | None) -> Mapping[str, object]:
        """Return a VCluster as plain data."""
        group, version = xr.API_VERSION.split("/")
        kind = group, version, xr.KIND, "vclusters"
        if namespace:
            resource = create_namespaced_resource(*kind)
            return {**self.plane.get(resource, name, namespace=namespace)}
        return {**self.plane.get(create_global_resource(*kind), name)}

    def secret(self, namespace: str, name: str) -> str:
        """Return the platform's kubeconfig of a virtual cluster."""
        data = self.host.get(Secret, name, namespace=namespace).data or {}
        try:
            return base64.b64decode(data.get(KEY, "")).decode()
        except ValueError:
            return ""

    def log(self, event: Mapping[str, object]) -> None:
        """Create an Event on the control plane."""
        _create(self.plane, Event, event)


@contextlib.contextmanager
def _opened(options: Options) -> Iterator[tuple[Clients, Mapping[str, object], Reach]]:
    """Yield the clients, the VCluster, and how its virtual cluster is reached."""
    config = KubeConfig.from_file(options.kubeconfig or DEFAULT_KUBECONFIG)
    with contextlib.ExitStack() as stack:
        plane, host = (
            stack.enter_context(contextlib.closing(Client(config=config.get(context_name=each))))
            for each in (options.context, options.host_context or options.context)
        )
        clients = Clients(plane, host)
        vcluster = clients.vcluster(options.name, options.namespace)
        place = break_glass.secret_of(vcluster)
        yield clients, vcluster, break_glass.reach(clients.secret(*place), options.server or "")


@contextlib.contextmanager
def _inside(name: str, where: Reach) -> Iterator[Client]:
    """Yield a client of the virtual cluster."""
    config = SingleConfig(
        context_name=name,
        context=Context(cluster=name),
        cluster=Cluster(server=where.server, certificate_auth_data=where.authority),
        user=User(
            token=where.token or None,
            client_cert_data=where.certificate or None,
            client_key_data=where.key or None,
        ),
    )
    with contextlib.closing(Client(config=config)) as client:
        try:
            yield client
        except httpx2.HTTPError as error:
            message = (
                f"the virtual cluster does not answer at {where.server}: "
                f"{str(error) or type(error).__name__}. Wake it if it is asleep, or give --server "
                "with an address that you reach, such as that of a `kubectl port-forward`"
            )
            raise UnavailableError(message) from None


def _make(inside: Client, access: Access) -> str:
    """Make account and binding, and return their name."""
    name = str(_create(inside, ServiceAccount, break_glass.account(access)).metadata.name)
    _create(inside, ClusterRoleBinding, break_glass.binding(access, name))
    return name


def _create(client: Client, kind: Any, body: Mapping[str, object]) -> Any:  # noqa: ANN401 -- any
    """Create an object, and return what the API server made of it."""
    namespace = text(get(body, "metadata", "namespace")) or None
    return client.create(kind.from_dict(body), namespace=namespace)


def _token(inside: Client, name: str, lifetime: int) -> str:
    spec = TokenRequestSpec(audiences=[], expirationSeconds=lifetime)
    body = ServiceAccountToken(metadata=ObjectMeta(), spec=spec)
    answer = inside.create(body, name, namespace=break_glass.NAMESPACE)
    return (answer.status and answer.status.token) or ""


def _remove(inside: Client, now: dt.datetime | None) -> list[str]:
    """Remove accesses whose time is over, bindings first, and return the accounts' names."""
    place = break_glass.NAMESPACE
    for name in _over(inside.list(ClusterRoleBinding, labels={**break_glass.OWNED}), now):
        _delete(lambda: inside.delete(ClusterRoleBinding, name))  # noqa: B023 -- called at once
    accounts = inside.list(ServiceAccount, namespace=place, labels={**break_glass.OWNED})
    names = _over(accounts, now)
    for name in names:
        _delete(lambda: inside.delete(ServiceAccount, name, namespace=place))  # noqa: B023
    return names


def _over(objects: Iterable[Any], now: dt.datetime | None) -> list[str]:
    return break_glass.over((each.to_dict() for each in objects), now)


def _delete(delete: Callable[[], object]) -> None:
    """Delete an object that another run may have deleted."""
    try:
        delete()
    except ApiError as error:
        if error.status.code != NOT_FOUND:
            raise


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Turn the errors of clients into those of the command."""
    try:
        yield
    except ApiError as error:
        raise UnavailableError(error.status.message or error.status.reason) from None
    except (ConfigError, InvalidError, httpx2.HTTPError, OSError) as error:
        raise UnavailableError(str(error) or type(error).__name__) from None
