"""The steps of a job: idempotent functions, called by controllers or a workflow."""

from podium.jobs.steps.check import Checked, check
from podium.jobs.steps.collect import collect
from podium.jobs.steps.consume import Outcome, Worked, consume, work, write_down
from podium.jobs.steps.initialize import initialize
from podium.jobs.steps.submit import submit

__all__ = [
    "Checked",
    "Outcome",
    "Worked",
    "check",
    "collect",
    "consume",
    "initialize",
    "submit",
    "work",
    "write_down",
]
