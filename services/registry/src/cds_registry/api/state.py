"""What requests of this service find in `request.state` besides the common parts."""

from pathlib import Path
from typing import Any

import httpx

from cds_common.utility import Utility
from cds_registry.adapters.auth import AuthService
from cds_registry.adapters.file_store import DirectoryStore, FileStore
from cds_registry.adapters.object_store import ObjectStore, bucket_of
from cds_registry.adapters.secret_box import SecretBox
from cds_registry.api.pages import Pages
from cds_registry.api.rate_limits import Limits
from cds_registry.application.configured import configured_utility
from cds_registry.application.modify_client import ClientTools, ReviewPolicy
from cds_registry.application.offer import build_offer
from cds_registry.application.publication import Publication
from cds_registry.domain.geojson import checked_geojson
from cds_registry.settings import Settings


def read_maps(utility: Utility, folder: Path) -> dict[str, bytes]:
    """The GeoJSON of each coverage entry that has one, from files beside the configuration.

    Raises:
        ValueError: a file is no GeoJSON in WGS 84.
    """
    return {each.id: checked_geojson((folder / each.geojson).read_bytes()) for each in utility.coverage if each.geojson is not None}


def file_store(settings: Settings) -> FileStore:
    """The object store when one is named, else the directory."""
    if settings.files_url is not None:
        return ObjectStore(bucket_of(settings.files_url))
    assert settings.files_dir is not None  # noqa: S101  # the settings ask for one of the two
    return DirectoryStore(settings.files_dir)


def registry_state(settings: Settings, http: httpx.AsyncClient) -> dict[str, Any]:
    """Built once per process."""
    utility, folder = configured_utility(settings)
    offer = build_offer(utility, settings.public_url)
    auth = AuthService(settings, http)
    box = SecretBox(settings.encryption_keys, settings.credential_key)
    policy = ReviewPolicy(settings.reviewed_fields, settings.reviewed_sandbox_fields)
    return {
        "offer": offer,
        "auth": auth,
        "tools": ClientTools(offer, box, auth, policy),
        "publication": Publication(offer, only_pushed=settings.auth_profile == "strict"),
        "maps": read_maps(utility, folder),
        "pages": Pages(settings, offer, folder),
        "file_store": file_store(settings),
        "limits": Limits.of(settings),
    }
