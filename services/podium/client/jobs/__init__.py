"""The SDK: submits videos as jobs to an api, and fetches their results."""
