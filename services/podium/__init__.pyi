from podium.client.jobs.async_client import AsyncClient as AsyncClient
from podium.client.jobs.client import Client as Client
from podium.client.jobs.failures import ApiError as ApiError
from podium.client.jobs.failures import JobFailed as JobFailed

__version__: str
