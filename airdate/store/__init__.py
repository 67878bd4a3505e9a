"""The store: originals and renditions, addressed by what is in them; shared, bounded and lent to others."""

from airdate.store.disk import check_free_space, disk_errors, disk_full
from airdate.store.store import Store, rendition_key, sha256_of

__all__ = ["Store", "check_free_space", "disk_errors", "disk_full", "rendition_key", "sha256_of"]
