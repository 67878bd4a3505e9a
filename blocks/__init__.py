"""What an operator fills in; the ledger stays the store. Registered by `prefect block register -m blocks`."""

from __future__ import annotations

from blocks.rendition_profile import RenditionProfile as RenditionProfile
from blocks.tiktok_account import TikTokAccount as TikTokAccount
from blocks.tiktok_app import TikTokApp as TikTokApp
