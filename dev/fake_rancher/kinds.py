"""The kinds of objects in the test Rancher."""

from dataclasses import dataclass

from .messages import Refusal


@dataclass(frozen=True)
class Kind:
    """A kind, with its names in the three APIs."""

    group: str
    version: str
    name: str
    plural: str
    namespaced: bool = True

    @property
    def type(self) -> str:
        """Steve's name of one object."""
        return f"{self.group}.{self.name.lower()}" if self.group else self.name.lower()

    @property
    def collection(self) -> str:
        """Steve's name of all objects, as in its paths."""
        return f"{self.type}s"

    @property
    def api_version(self) -> str:
        """The apiVersion of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """The name of the resource in messages of Kubernetes."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def details(self, name: str = "") -> dict[str, str]:
        """Return the details of a Status."""
        named = {"name": name} if name else {}
        return {**named, "group": self.group, "kind": self.plural}

    def not_found(self, name: str) -> Refusal:
        """Return the refusal of an absent object (delete-impkey-02-after-prov-admin.json)."""
        return Refusal(404, "NotFound", f'{self.resource} "{name}" not found', **self.details(name))

    def already_exists(self, name: str, *, deleting: bool = False) -> Refusal:
        """Return the refusal of an existing object: other-imp-create-existing.json and others."""
        prefix = "object is being deleted: " if deleting else ""
        message = f'{prefix}{self.resource} "{name}" already exists'
        return Refusal(409, "AlreadyExists", message, **self.details(name))

    def conflict(self, name: str) -> Refusal:
        """Return the refusal of a stale resourceVersion (rancher-live.md, section 2)."""
        message = (
            f'Operation cannot be fulfilled on {self.resource} "{name}": the object has been '
            "modified; please apply your changes to the latest version and try again"
        )
        return Refusal(409, "Conflict", message, **self.details(name))

    def invalid(self, name: str, message: str) -> Refusal:
        """Return the API server's own refusal (webhook-prov-create-name-underscore.json)."""
        text = f'{self.name}.{self.group} "{name}" is invalid: {message}'
        return Refusal(422, "Invalid", text, **self.details(name))

    def denied(self, status: int, code: str, message: str) -> Refusal:
        """Return a refusal by Rancher's webhook (create-name-invalid-webhook.json)."""
        webhook = f"rancher.cattle.io.{self.plural}.{self.group}"
        text = f'admission webhook "{webhook}" denied the request: {message}'
        return Refusal(status, code, text)


PROVISIONING = Kind("provisioning.cattle.io", "v1", "Cluster", "clusters")
MANAGEMENT = Kind("management.cattle.io", "v3", "Cluster", "clusters", namespaced=False)
TOKEN = Kind("management.cattle.io", "v3", "ClusterRegistrationToken", "clusterregistrationtokens")
BINDING = Kind(
    "management.cattle.io", "v3", "ClusterRoleTemplateBinding", "clusterroletemplatebindings"
)
SETTING = Kind("management.cattle.io", "v3", "Setting", "settings", namespaced=False)
EXT_TOKEN = Kind("ext.cattle.io", "v1", "Token", "tokens", namespaced=False)
SECRET = Kind("", "v1", "Secret", "secrets")

KINDS = (PROVISIONING, MANAGEMENT, TOKEN, BINDING, SETTING, SECRET, EXT_TOKEN)
