"""Every error that the kernel raises on purpose, in one tree.

    FruitsError
    ├── PhotoError                 one photo cannot be used; `photo_index` says which of the request
    │   ├── NotAnImage             not_an_image      the bytes are of no image type that is read here
    │   ├── UndecodablePhoto       undecodable       an image, but broken or truncated
    │   ├── PhotoTooLarge          too_large         more bytes or pixels than the limits allow
    │   ├── PhotoTooSmall          too_small         fewer pixels than a fruit can be seen in
    │   └── UnreadablePhoto        unreadable        the bytes could not be fetched (batch only)
    ├── BundleError
    │   ├── BundleCorrupt          bundle_corrupt    a file is missing, truncated or altered
    │   └── BundleSchemaUnsupported bundle_schema    written by another version of this product
    ├── StoreError
    │   ├── StoreEmpty             store_empty       nothing has been published there yet
    │   ├── StoreUnavailable       store_unavailable the folder or the S3 endpoint does not answer
    │   ├── StoreFull              store_full        no room left; the current bundle is untouched
    │   ├── VersionMissing         version_missing   no bundle of that version
    │   └── PublishConflict        publish_conflict  another publisher moved the pointer first
    ├── LocationError
    │   ├── LocationInvalid        location_invalid  not a folder, file:// or s3:// address
    │   ├── LocationMissing        location_missing  the folder or bucket does not exist
    │   └── RegionRefused          region_refused    outside the European Union
    ├── CorpusError                corpus            missing, empty or unusable for a build
    ├── NetworkError               network           a network file that cannot be run
    ├── CatalogueError             catalogue         the facts contradict themselves
    └── SettingsError              settings          a setting is unknown or has a wrong value

A message says what was expected, what came and what to do. `code` is stable: clients may rely on it.
"""

from typing import ClassVar


class FruitsError(Exception):
    """Base of every deliberate error; `code` is a stable machine-readable name."""

    code: ClassVar[str] = "error"


class PhotoError(FruitsError):
    """One photo cannot be used."""

    code = "photo"
    photo_index: int | None = None


class NotAnImage(PhotoError):
    code = "not_an_image"


class UndecodablePhoto(PhotoError):
    code = "undecodable"


class PhotoTooLarge(PhotoError):
    code = "too_large"


class PhotoTooSmall(PhotoError):
    code = "too_small"


class UnreadablePhoto(PhotoError):
    code = "unreadable"


class BundleError(FruitsError):
    code = "bundle"


class BundleCorrupt(BundleError):
    code = "bundle_corrupt"


class BundleSchemaUnsupported(BundleError):
    code = "bundle_schema"


class StoreError(FruitsError):
    code = "store"


class StoreEmpty(StoreError):
    code = "store_empty"


class StoreUnavailable(StoreError):
    code = "store_unavailable"


class StoreFull(StoreError):
    code = "store_full"


class VersionMissing(StoreError):
    code = "version_missing"


class PublishConflict(StoreError):
    code = "publish_conflict"


class LocationError(FruitsError):
    code = "location"


class LocationInvalid(LocationError):
    code = "location_invalid"


class LocationMissing(LocationError):
    code = "location_missing"


class RegionRefused(LocationError):
    code = "region_refused"


class CorpusError(FruitsError):
    code = "corpus"


class NetworkError(FruitsError):
    code = "network"


class CatalogueError(FruitsError):
    code = "catalogue"


class SettingsError(FruitsError):
    code = "settings"
