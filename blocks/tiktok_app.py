"""The app that was registered with TikTok, as a form."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field, SecretStr


class TikTokApp(Block):
    """An app of TikTok's developer portal: its key, its secret, and whether TikTok has audited it.

    Example:
        ```python
        from pydantic import SecretStr

        from blocks import TikTokApp

        TikTokApp(client_key="aw1example", client_secret=SecretStr("from the portal")).save("our-app", overwrite=True)
        app = TikTokApp.load("BLOCK_NAME")
        ```
    """

    _block_type_name = "TikTok app"
    _block_type_slug = "tiktok-app"
    _documentation_url = "https://developers.tiktok.com/doc/content-posting-api-get-started"  # type: ignore[assignment]

    client_key: str = Field(
        title="Client key", description="The app's client key, from the portal's page of the app.", min_length=1
    )
    client_secret: SecretStr = Field(
        title="Client secret", description="The app's client secret; it is stored encrypted and never shown again."
    )
    audited: bool = Field(
        default=False,
        title="Audited by TikTok",
        description="Whether TikTok has audited the app. Without it, only private accounts and SELF_ONLY posts.",
    )
