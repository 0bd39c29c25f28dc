"""The number of a request as people write it: TR-000042, in pages, addresses and forms."""

# Without a group of its own: it stands within the expressions of addresses and forms.
REFERENCE = "TR-[0-9]{6,18}"


def reference_to(pk: int) -> str:
    return f"TR-{pk:06d}"


def pk_of(reference: str) -> int:
    """Return the primary key that a text which fits `REFERENCE` names."""
    return int(reference.removeprefix("TR-"))
