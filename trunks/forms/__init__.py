"""What people type, bound and bounded. The rules themselves are the workflow's."""
