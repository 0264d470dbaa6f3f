"""The steps of a scenario that do something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from xmpp_im_conformance.format.evidence import FROM_SERVER
from xmpp_im_conformance.format.items import SharedItem
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.steps.base import Act, Play, stanza
from xmpp_im_conformance.format.story import Line, MarkKind, Stage, bare, short
from xmpp_im_conformance.format.worlds import REMOTE, World


@frozen
class _OnJID:
    """What a step with nothing but a JID does."""

    does: Callable[[World], Callable[[str], None]]
    label: str
    says: str


_ON_JID: Final[Mapping[str, _OnJID]] = {
    "connect": _OnJID(lambda world: world.connect, "connects", "{} connects."),
    "replace": _OnJID(
        lambda world: world.replace,
        "binds again",
        "{} binds the same resource again; the old session ends afterwards, late.",
    ),
    "detach": _OnJID(lambda world: world.detach, "stream lost", "{} loses its stream, and may resume it."),
    "resume": _OnJID(lambda world: world.resume, "resumes", "{} resumes its stream."),
    "expire": _OnJID(lambda world: world.expire, "not resumed", "{} has not resumed its stream in time."),
    "restart": _OnJID(
        lambda world: world.restart,
        "account reloaded",
        "The account {} leaves memory, and is loaded again from what was stored.",
    ),
    "storage_waits": _OnJID(
        lambda world: world.delay_storage,
        "storage waits",
        "From here on the storage does not answer when the server reads anything of {}.",
    ),
    "storage_answers": _OnJID(
        lambda world: world.answer_storage,
        "storage answers",
        "The storage answers what the server has asked it about {}, and does so from here on.",
    ),
    "account_created": _OnJID(
        lambda world: world.create_account, "account created", "The administrator creates the account {}."
    ),
    "account_removed": _OnJID(
        lambda world: world.remove_account, "account removed", "The administrator removes the account {}."
    ),
}


@frozen
class OnJID(Act):
    """Something happens to a session or an account."""

    keys = tuple(_ON_JID)
    what: str
    jid: str

    @property
    def key(self) -> str:
        return self.what

    @classmethod
    def read(cls, key: str, value: str) -> OnJID:
        return cls(key, value)

    def perform(self, play: Play) -> None:
        if self.what == "connect" and self.jid not in play.connected:
            play.connected.append(self.jid)
            # A session begins with nothing untaken.
            play.at(self.jid).clear()
        elif self.what in ("expire", "restart", "account_removed"):
            play.connected = [jid for jid in play.connected if self.jid not in (jid, bare(jid))]
        _ON_JID[self.what].does(play.world)(self.jid)

    @property
    def told(self) -> str:
        return self.jid

    def show(self, stage: Stage) -> Line:
        text = _ON_JID[self.what].label
        text = text if self.jid in stage.places else f"{short(self.jid)}: {text}"
        return Line(_ON_JID[self.what].says.format(self.jid), marks=stage.sign(MarkKind.EVENT, self.jid, text))

    @property
    def clients(self) -> Sequence[str]:
        return (self.jid,) if self.what in ("detach", "resume", "expire") else ()

    @property
    def accounts(self) -> Sequence[str]:
        return (self.jid,) if self.what in ("restart", "storage_waits", "storage_answers", "account_removed") else ()

    @property
    def makes(self) -> Sequence[str]:
        return (self.jid,) if self.what in ("connect", "replace", "account_created") else ()


@frozen
class Send(Act):
    """A client sends this stanza, exactly."""

    keys = ("send",)
    jid: str
    xml: str

    @classmethod
    def read(cls, key: str, value: Mapping[str, str]) -> Send:
        return cls(value["from"], stanza(value["xml"]))

    def perform(self, play: Play) -> None:
        play.world.send(self.jid, play.filled(self.xml))

    @property
    def told(self) -> str:
        return f"{self.jid} sends {self.xml}"

    def show(self, stage: Stage) -> Line:
        return stage.sent(f"{self.jid} sends", self.jid, FROM_SERVER, read_xml(self.xml))

    @property
    def clients(self) -> Sequence[str]:
        return (self.jid,)

    @property
    def plays_remote(self) -> bool:
        return REMOTE in self.xml


@frozen
class RemoteSend(Act):
    """This stanza arrives from the other server."""

    keys = ("remote_send",)
    xml: str
    plays_remote = True

    @classmethod
    def read(cls, key: str, value: str) -> RemoteSend:
        return cls(stanza(value))

    def perform(self, play: Play) -> None:
        play.world.remote_send(play.filled(self.xml))

    @property
    def told(self) -> str:
        return f"arrives {self.xml}"

    def show(self, stage: Stage) -> Line:
        return stage.sent(f"From {REMOTE} arrives", REMOTE, FROM_SERVER, read_xml(self.xml))


@frozen
class Disconnect(Act):
    """A client's stream ends."""

    keys = ("disconnect",)
    jid: str
    clean: bool

    @classmethod
    def read(cls, key: str, value: Mapping[str, str]) -> Disconnect:
        return cls(value["jid"], value["how"] == "clean")

    def perform(self, play: Play) -> None:
        play.connected = [jid for jid in play.connected if jid != self.jid]
        play.world.disconnect(self.jid, self.clean)

    @property
    def told(self) -> str:
        return self.jid

    def show(self, stage: Stage) -> Line:
        how = "closes its stream" if self.clean else "breaks off"
        return Line(f"{self.jid} {how}.", marks=stage.sign(MarkKind.EVENT, self.jid, how))

    @property
    def clients(self) -> Sequence[str]:
        return (self.jid,)


@frozen
class Time(Act):
    """It is now this time."""

    keys = ("time",)
    at: datetime

    @classmethod
    def read(cls, key: str, value: str) -> Time:
        return cls(datetime.fromisoformat(value))

    def perform(self, play: Play) -> None:
        play.world.set_time(self.at)

    def show(self, stage: Stage) -> Line:
        now = self.at.isoformat(" ")
        return Line(f"It is now {now}.", marks=stage.sign(MarkKind.EVENT, FROM_SERVER, now))


# --- what happens to an account --------------------------------------------------------------------------


@frozen
class StorageFails(Act):
    """The next load, or commit, of an account fails."""

    keys = ("storage_fails",)
    of: str
    what: str

    def perform(self, play: Play) -> None:
        play.world.fail_storage(self.of, self.what)

    def show(self, stage: Stage) -> Line:
        says = f"The next {self.what} of {self.of} fails."
        return Line(says, marks=stage.sign(MarkKind.EVENT, FROM_SERVER, f"{self.what} fails: {short(self.of)}"))

    @property
    def accounts(self) -> Sequence[str]:
        return (self.of,)


@frozen
class Decide(Act):
    """The service's own policy answers the next request of a sender."""

    keys = ("decide",)
    at: str
    request_from: str
    decision: str

    def perform(self, play: Play) -> None:
        play.world.decide(self.at, self.request_from, self.decision)

    def show(self, stage: Stage) -> Line:
        verb = "approves" if self.decision == "approve" else "denies"
        says = f"The service's own policy for {self.at} {verb} the next request of {self.request_from}."
        return Line(says, marks=stage.sign(MarkKind.EVENT, FROM_SERVER, f"policy {verb} {short(self.request_from)}"))


@frozen
class AccountMoved(Act):
    """The administrator notes that a user has moved to another address, for good or for a time."""

    keys = ("account_moved",)
    of: str
    to: str
    permanently: bool

    def perform(self, play: Play) -> None:
        play.world.move_account(self.of, self.to, self.permanently)

    def show(self, stage: Stage) -> Line:
        time = "for good" if self.permanently else "for a time"
        says = f"The administrator notes that {self.of} has moved to {self.to}, {time}."
        return Line(says, marks=stage.sign(MarkKind.EVENT, FROM_SERVER, f"{short(self.of)} has moved"))

    @property
    def accounts(self) -> Sequence[str]:
        return (self.of,)


@frozen
class ItemsShared(Act):
    """The service shows these items in an account's roster, in place of those that it showed before."""

    keys = ("items_shared",)
    of: str
    items: tuple[SharedItem, ...]

    @classmethod
    def read(cls, key: str, value: Mapping[str, Any]) -> ItemsShared:
        return cls(value["of"], tuple([SharedItem(**each) for each in value["items"]]))

    def perform(self, play: Play) -> None:
        play.world.share_items(self.of, self.items)

    def show(self, stage: Stage) -> Line:
        shown = ", ".join([f"{item.jid} ({item.subscription})" for item in self.items]) or "no items"
        says = f"The service shows {shown} in the roster of {self.of}, and no others."
        return Line(says, marks=stage.sign(MarkKind.EVENT, FROM_SERVER, f"items shared: {short(self.of)}"))

    @property
    def accounts(self) -> Sequence[str]:
        return (self.of,)


ACTS: Final = (OnJID, Send, RemoteSend, Disconnect, Time, StorageFails, Decide, AccountMoved, ItemsShared)
