"""Opens a store of bundles: a local folder and an S3 prefix behind one interface."""

from models.locations import S3Options, is_s3, local_folder, open_location
from models.store_base import POINTER, Pointer, Store
from models.store_local import FolderStore
from models.store_s3 import BucketStore

__all__ = ["POINTER", "Pointer", "Store", "open_store"]


def open_store(uri: str, s3: S3Options = S3Options()) -> Store:
    """Open a store; a local folder need not exist before the first publication.

    Args:
        uri: a plain path, `file:///path` or `s3://bucket/prefix`.
        s3: how S3 is reached; unused for a folder.

    Raises:
        LocationInvalid: the address cannot be one.
        LocationMissing: the bucket does not exist.
        RegionRefused: the region asked for, or the bucket's own, is outside the European Union.
        StoreUnavailable: S3 does not answer, refuses, or no credentials were found.
    """
    if is_s3(uri):
        return BucketStore(open_location(uri, s3))
    return FolderStore(local_folder(uri))
