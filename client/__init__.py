"""Labelyard's Python SDK and command line. It knows the REST API and nothing else.

    from labelyard import Labelyard

    with Labelyard("http://127.0.0.1:8080", token="…") as labelyard:
        for project in labelyard.projects():
            print(project["name"])

The package is called `client` in this repository and `labelyard` where it is installed (pyproject.toml):
imports in here are relative, so that it works under both names.
"""

from .api import Labelyard
from .transport import ApiError, TransferError, Unreachable
from .uploads import UploadFailure, UploadSummary

__all__ = ["ApiError", "Labelyard", "TransferError", "Unreachable", "UploadFailure", "UploadSummary"]
