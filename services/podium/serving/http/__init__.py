"""HTTP for every service: limits, admission, errors, keys."""
