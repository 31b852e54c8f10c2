"""The Kubernetes API as the services need it: credentials, watches and leases."""
