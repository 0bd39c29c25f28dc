"""The sixteen operations, one module per thing they handle."""
