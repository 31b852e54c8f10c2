"""The dashboard of jobs: static files, which the api serves to browsers."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
