"""The dashboard of jobs: static files for browsers, served by the api."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
