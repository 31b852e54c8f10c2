"""Credentials and address of the API server: a pod's service account, or KUBECONFIG."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import podium
from podium.errors import SetupError
from podium.kubernetes.errors import ApiError, NoCluster

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Folder of the credentials in every pod."""


def require_library(setting: str) -> None:
    """Import the client library, which ``setting`` needs, at the start, not during a request.

    Raises:
        SetupError: it is not installed.
    """
    try:
        _library()
    except ImportError:
        raise SetupError(
            f"{setting} needs the Kubernetes client: pip install 'podium[kubernetes]'"
        ) from None


def require_cluster(setting: str, service_account: Path) -> None:
    """Check that there are credentials for the API server, which ``setting`` needs.

    Raises:
        SetupError: there are none, or the client library is not installed.
    """
    require_library(setting)
    if not (os.environ.get("KUBECONFIG") or _is_in_cluster(service_account)):
        raise SetupError(
            f"{setting} needs a cluster: there is no service account in {service_account}, "
            "and KUBECONFIG is not set"
        )


async def connect(service_account: Path) -> tuple[Any, str | None]:
    """Read the credentials.

    ``KUBECONFIG`` comes first, so that a gateway can be developed outside a cluster; then the
    service account of the pod. Its token is read again every minute, because the kubelet replaces
    it.

    Args:
        service_account: Folder with ``token``, ``ca.crt`` and ``namespace``.

    Returns:
        A ``kubernetes.aio.client.ApiClient``, and the namespace in the credentials.

    Raises:
        ApiError: they cannot be read; NoCluster: there are none.
    """
    client, config = _library()
    configuration = client.Configuration()
    # Python 3.13 refuses CA certificates without a certain extension, such as those of older
    # clusters. The certificate chain is still verified.
    configuration.disable_strict_ssl_verification = True
    try:
        if kubeconfig := os.environ.get("KUBECONFIG"):
            await config.load_kube_config(
                kubeconfig, client_configuration=configuration, persist_config=False
            )
            _, context = config.list_kube_config_contexts(kubeconfig)
            namespace = context["context"].get("namespace")
        elif _is_in_cluster(service_account):
            config.incluster_config.InClusterConfigLoader(
                token_filename=str(service_account / "token"),
                cert_filename=str(service_account / "ca.crt"),
            ).load_and_set(configuration)
            namespace = (service_account / "namespace").read_text().strip()
        else:
            raise NoCluster("there is no service account, and KUBECONFIG is not set")
        connected = client.ApiClient(configuration)
    except ApiError:
        raise
    except Exception as error:  # the library may raise anything for a damaged file
        raise ApiError(f"the credentials cannot be read: {error}") from None
    connected.user_agent = f"podium/{podium.__version__}"
    return connected, namespace


def _is_in_cluster(service_account: Path) -> bool:
    named = os.environ.get("KUBERNETES_SERVICE_HOST")
    return bool(named) and (service_account / "token").is_file()


def _library() -> tuple[Any, Any]:
    """The client and configuration modules: slow to import, and partly without types."""
    modules = ("kubernetes.aio.client", "kubernetes.aio.config")
    client, config = (importlib.import_module(module) for module in modules)
    return client, config
