"""All that the job layer knows of AWS: clients, streams, objects, functions for Lambda."""
