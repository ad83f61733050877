"""A private S3 server: MinIO's server code as `juicefs gateway`, over plain files and SQLite.

For one machine only. In a cluster any S3-compatible store takes its place.
"""

import sys
from pathlib import Path

import urllib3
from minio import Minio

from deploy.local.commands import run
from deploy.local.folders import make_folder
from deploy.local.programs import Program
from deploy.local.state import State

BUCKET = "labelyard"
REGION = "us-east-1"


class S3:
    """The object store of one installation."""

    name = "s3"

    def __init__(self, state: State) -> None:
        self._state = state
        self._folder = state.folder / "s3"
        self._database = f"sqlite3://{self._folder / 'meta.db'}"
        self._binary = Path(sys.executable).with_name("juicefs")

    def endpoint(self) -> str:
        return f"http://{self._address()}"

    def access_key(self) -> str:
        return self._state.secret("s3 access key")

    def secret_key(self) -> str:
        return self._state.secret("s3 secret key")

    def prepare(self) -> None:
        """Makes the volume where there is none."""
        make_folder(self._folder, mode=0o700)
        objects = f"{self._folder / 'objects'}/"
        options = ("--storage", "file", "--bucket", objects, "--trash-days", "0", "--no-update")
        run(
            *(self._binary, "format", *options, self._database, BUCKET),
            folder=self._folder,
            environment=self._environment(),
        )

    def programs(self) -> list[Program]:
        metrics = f"127.0.0.1:{self._state.port('s3 metrics')}"
        options = (
            "--multi-buckets",
            "--keep-etag",
            "--no-usage-report",
            "--no-agent",
            "--cache-size",
            "0",
            "--backup-meta",
            "0",
        )
        return [
            Program(
                name=self.name,
                command=(
                    *(str(self._binary), "gateway", *options, "--metrics", metrics),
                    *(self._database, self._address()),
                ),
                folder=self._folder,
                environment=self._environment(),
                rank=100,
                stop_seconds=5,  # it would wait twice as long for idle connections
            )
        ]

    def is_ready(self) -> bool:
        try:
            answer = urllib3.request("GET", f"{self.endpoint()}/minio/health/live", timeout=5, retries=False)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200

    def set_up(self) -> None:
        """Makes the bucket where it is missing."""
        client = Minio(self._address(), self.access_key(), self.secret_key(), secure=False, region=REGION)
        if not client.bucket_exists(BUCKET):
            client.make_bucket(BUCKET)

    def limit(self, mebibytes: int) -> None:
        """Let it hold so much at most, 0: what the disk has. It heeds that some seconds later."""
        run(
            *(self._binary, "config", self._database, "--capacity", f"{mebibytes}M", "--yes"),
            folder=self._folder,
            environment=self._environment(),
        )

    def _address(self) -> str:
        return f"127.0.0.1:{self._state.port('s3')}"

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self._folder),
            "MINIO_ROOT_USER": self.access_key(),
            "MINIO_ROOT_PASSWORD": self.secret_key(),
        }
