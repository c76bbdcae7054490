"""A test issuer of OIDC: it believes everyone, and keeps its keys in a folder."""
