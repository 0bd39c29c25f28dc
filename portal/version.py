"""The portal's version, as audit events and the image name it; pyproject.toml says the same (a test compares)."""

VERSION = "0.1.0"
