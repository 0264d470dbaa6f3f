"""What the tests of presence share."""

from __future__ import annotations

from tests.client.stage import (
    ROMEO,
    Scene,
)
from xmpp_im_core.client import (
    Item,
)
from xmpp_im_core.subscription import Subscription

LOVER = Item(ROMEO.full, Subscription.BOTH)


def available(jid: str, priority: int | None = None) -> str:
    child = "" if priority is None else f"<priority>{priority}</priority>"
    return f"<presence from='{jid}'>{child}</presence>"


def gone(jid: str) -> str:
    return f"<presence from='{jid}' type='unavailable'/>"


def names(scene: Scene, jid: str = ROMEO.bare) -> list[str]:
    return [resource.name for resource in scene.client.resources(jid)]
