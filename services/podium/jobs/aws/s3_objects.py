"""Objects in S3: data through obstore, presigned addresses through boto3.

obstore signs addresses to read and to write whole objects, not forms with a length limit and not
parts; these are what boto3 is for. Both find credentials the way the AWS tools do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import obstore
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import AlreadyExistsError
from obstore.store import S3Store

from podium.errors import NotFound, Unavailable
from podium.jobs.objects import CHUNK_BYTES, Content, Form, Part, Stored, checked
from podium.storage.s3 import S3Connection, bucket_and_key, store_errors


class S3Objects:
    """The store; ``podium.jobs.objects.Objects`` says what the methods do.

    Args:
        bucket: Bucket of uploads and results.
        prefix: Folder in the bucket, without slashes around it; empty: all of it.
        connection: Where the bucket is.
    """

    def __init__(self, bucket: str, prefix: str, connection: S3Connection) -> None:
        self._bucket, self._prefix = bucket, f"{prefix}/" if prefix else ""
        self._connection = connection
        self._client: Any = boto3.client(
            "s3",
            region_name=connection.region,
            endpoint_url=connection.endpoint,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    @property
    def _store(self) -> S3Store:
        return self._connection.bucket(self._bucket)

    def address(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._path(key)}"

    def put(self, key: str, content: Content, *, once: bool = False) -> bool:
        with store_errors(self.address(key)):
            try:
                if once:
                    whole = content if isinstance(content, bytes | Path) else b"".join(content)
                    obstore.put(self._store, self._path(key), whole, mode="create")
                else:
                    obstore.put(self._store, self._path(key), content)
            except AlreadyExistsError:
                return False
        return True

    def read(self, key: str) -> Iterator[bytes]:
        with store_errors(self.address(key)):
            for piece in obstore.get(self._store, self._path(key)).stream(CHUNK_BYTES):
                yield bytes(piece)

    def size_bytes(self, key: str) -> int:
        with store_errors(self.address(key)):
            return int(obstore.head(self._store, self._path(key))["size"])

    @contextmanager
    def local(self, address: str) -> Iterator[Path]:
        bucket, path = bucket_and_key(address)
        with tempfile.TemporaryDirectory(prefix="podium-object-") as folder:
            target = Path(folder) / "object"
            with store_errors(address), target.open("wb") as file:
                for piece in obstore.get(self._connection.bucket(bucket), path).stream(CHUNK_BYTES):
                    file.write(piece)
            yield target

    def copy(self, key: str, target: str) -> None:
        with store_errors(self.address(key)):
            obstore.copy(self._store, self._path(key), self._path(target))

    def below(self, prefix: str) -> Iterator[Stored]:
        found = []
        with store_errors(self.address(prefix)):
            for page in obstore.list(self._store, self._path(prefix)):
                found += [Stored(self._key(meta["path"]), int(meta["size"])) for meta in page]
        with suppress(NotFound):
            found.append(Stored(prefix, self.size_bytes(prefix)))
        unique = {stored.key: stored for stored in found}
        yield from (unique[key] for key in sorted(unique))

    def delete_all(self, prefix: str) -> int:
        keys = [self._path(stored.key) for stored in self.below(prefix)]
        with store_errors(self.address(prefix)):
            if keys:
                obstore.delete(self._store, keys)
        return len(keys)

    def download_url(self, key: str, *, seconds: float, name: str) -> str:
        shown = f"attachment; filename*=UTF-8''{quote(name)}"
        return self._signed("get_object", key, seconds, ResponseContentDisposition=shown)

    def upload_form(self, key: str, *, max_bytes: int, seconds: float) -> Form:
        with _aws_errors():
            form = self._client.generate_presigned_post(
                self._bucket,
                self._path(key),
                Conditions=[["content-length-range", 1, max_bytes]],
                ExpiresIn=int(seconds),
            )
        return Form(form["url"], form["fields"])

    def begin_parts(self, key: str) -> str:
        with _aws_errors():
            begun = self._client.create_multipart_upload(Bucket=self._bucket, Key=self._path(key))
        return str(begun["UploadId"])

    def part_url(
        self, key: str, upload: str, number: int, *, max_bytes: int, seconds: float
    ) -> str:
        return self._signed(
            "upload_part",
            key,
            seconds,
            UploadId=upload,
            PartNumber=number,
            ContentLength=max_bytes,
        )

    def parts(self, key: str, upload: str) -> list[Part]:
        with _aws_errors():
            pages = self._client.get_paginator("list_parts").paginate(
                Bucket=self._bucket, Key=self._path(key), UploadId=upload
            )
            return [
                Part(part["PartNumber"], part["Size"], part["ETag"])
                for page in pages
                for part in page.get("Parts", [])
            ]

    def join_parts(self, key: str, upload: str, parts: list[Part]) -> None:
        listed = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        with _aws_errors():
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._path(key),
                UploadId=upload,
                MultipartUpload={"Parts": listed},
            )

    def abort_parts(self, key: str, upload: str) -> None:
        with suppress(NotFound), _aws_errors():
            self._client.abort_multipart_upload(
                Bucket=self._bucket, Key=self._path(key), UploadId=upload
            )

    def _signed(self, call: str, key: str, seconds: float, **more: Any) -> str:
        with _aws_errors():
            return str(
                self._client.generate_presigned_url(
                    call,
                    Params={"Bucket": self._bucket, "Key": self._path(key), **more},
                    ExpiresIn=int(seconds),
                )
            )

    def _path(self, key: str) -> str:
        return self._prefix + checked(key)

    def _key(self, path: str) -> str:
        return path.removeprefix(self._prefix)


@contextmanager
def _aws_errors() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("NoSuchUpload", "NoSuchKey", "404"):
            raise NotFound("there is no such upload in parts") from None
        raise Unavailable("the object store refuses or does not answer; try again") from error
    except BotoCoreError as error:
        raise Unavailable("the object store does not answer; try again") from error
