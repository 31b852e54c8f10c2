"""A client of the Kubernetes API: credentials, watches and leases."""
