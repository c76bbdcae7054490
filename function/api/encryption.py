"""Encryption of backups: by the S3 server, and with age before it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from function.api.fields import Form, Model, SecretKey
from function.k8s import age


class Encryption(Model):
    """Encryption of the backups by the S3 server."""

    algorithm: Literal["AES256", "aws:kms", "None"] = Field(
        "AES256",
        description="Server-side encryption that is requested; `None` for a server without.",
    )
    kmsKeyId: Annotated[
        str,
        Field(pattern=r"^[-:/_A-Za-z0-9]*$", max_length=300),
        Form("the id or ARN of a key", "alias/backups"),
    ] = Field("", description="Key for `aws:kms`; default the bucket's.")

    @model_validator(mode="after")
    def _key_of_kms(self) -> "Encryption":
        if self.kmsKeyId and self.algorithm != "aws:kms":
            msg = "kmsKeyId is for algorithm aws:kms"
            raise ValueError(msg)
        return self


def _public_key(key: str) -> str:
    if not age.is_public_key(key):
        msg = "must be a public key of age, and its checksum is wrong"
        raise ValueError(msg)
    return key


class Age(Model):
    """Encryption of the backups with age, before the S3 server's."""

    recipients: list[
        Annotated[
            str,
            Field(pattern=age.PATTERN),
            Form(
                "a public key of age, as age-keygen prints it",
                "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
            ),
            AfterValidator(_public_key),
        ]
    ] = Field(
        min_length=1,
        max_length=20,
        description="Public keys: the identity of any of them decrypts a backup.",
    )
    identitySecretRef: SecretKey | None = Field(
        None,
        description="Secret in the platform namespace of the host with the identity that decrypts "
        "backups for a restore, or several. Left out, nothing encrypted is restored.",
    )
