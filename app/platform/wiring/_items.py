"""Items and their images."""

from functools import cache

from app.items.s3 import ImageBucket
from app.items.store import ItemStore
from app.platform import aws, wiring
from app.platform.settings import StorageSettings


@cache
def items() -> ItemStore:
    return ItemStore(wiring.database())


@cache
def storage_settings() -> StorageSettings:
    return StorageSettings()


@cache
def images() -> ImageBucket:
    return ImageBucket(aws.client("s3"), wiring.storage_settings())
