"""The steps of a scenario that do something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal

from attrs import frozen

from xmpp_im_conformance.format.addresses import is_remote
from xmpp_im_conformance.format.evidence import FROM_SERVER
from xmpp_im_conformance.format.markup import BadXML, read_xml
from xmpp_im_conformance.format.steps.base import ActingStep, Play
from xmpp_im_conformance.format.steps.fields import (
    BareJID,
    Clean,
    ContactJID,
    FieldKind,
    FullJID,
    Moment,
    Name,
    SharedItems,
    StanzaText,
    URIOrNull,
    fields_of,
    ref,
)
from xmpp_im_conformance.format.story import Line, Stage, bare, short
from xmpp_im_conformance.format.worlds import REMOTE, World


class SubjectStep(ActingStep):
    """Something happens to a session or an account: the first field."""

    says: ClassVar[str]
    label: ClassVar[str]
    begins: ClassVar[bool] = False
    """Whether this connects the client, or creates the account."""
    ends: ClassVar[bool] = False
    """Whether it ends the session, or those of the account."""

    @property
    def subject(self) -> str:
        """The full JID of the session, or the bare JID of the account."""
        jid: str = getattr(self, fields_of(type(self))[0].attribute)
        return jid

    def perform(self, play: Play) -> None:
        if self.ends:
            play.connected = [jid for jid in play.connected if self.subject not in (jid, bare(jid))]
        super().perform(play)

    def show(self, stage: Stage) -> Line:
        return stage.event(self.says.format(self.subject), self.label, self.subject)

    @property
    def clients(self) -> Sequence[str]:
        return () if self.begins else super().clients

    @property
    def accounts(self) -> Sequence[str]:
        return () if self.begins else super().accounts

    @property
    def makes(self) -> Sequence[str]:
        return (self.subject,) if self.begins else ()


# --- what clients and other servers do --------------------------------------------------------------------


@frozen
class ConnectStep(SubjectStep):
    """A session with that resource is bound; its client has sent nothing, and has nothing untaken."""

    key = "connect"
    calls = World.connect
    begins = True
    says, label = "{} connects.", "connects"
    jid: FullJID

    def perform(self, play: Play) -> None:
        if self.jid not in play.connected:
            play.connected.append(self.jid)
            play.at(self.jid).clear()
        super().perform(play)


@frozen
class SendStep(ActingStep):
    """That client sends this stanza, exactly."""

    key = "send"
    calls = World.send
    jid: Annotated[FullJID, Name("from")]
    xml: StanzaText

    @property
    def told(self) -> str:
        return f"{self.jid} sends {self.xml}"

    def show(self, stage: Stage) -> Line:
        return stage.sent(f"{self.jid} sends", self.jid, FROM_SERVER, read_xml(self.xml))

    @property
    def plays_remote(self) -> bool:
        try:
            return is_remote(read_xml(self.xml).get("to") or "")
        except BadXML:
            return REMOTE in self.xml


@frozen
class RemoteSendStep(ActingStep):
    """This stanza arrives from the other server."""

    key = "remote_send"
    calls = World.remote_send
    xml: StanzaText
    plays_remote = True

    @property
    def told(self) -> str:
        return f"arrives {self.xml}"

    def show(self, stage: Stage) -> Line:
        return stage.sent(f"From {REMOTE} arrives", REMOTE, FROM_SERVER, read_xml(self.xml))


@frozen
class DisconnectStep(SubjectStep):
    """Its stream ends with a closing tag, or (`"abrupt"`) without.

    It sent no unavailable presence unless an earlier `send` did.
    """

    key = "disconnect"
    calls = World.disconnect
    ends = True
    jid: FullJID
    clean: Annotated[Clean, Name("how")]

    def show(self, stage: Stage) -> Line:
        how = "closes its stream" if self.clean else "breaks off"
        return stage.event(f"{self.jid} {how}.", how, self.jid)


# --- what happens to sessions and accounts inside the server ----------------------------------------------


@frozen
class ReplaceStep(SubjectStep):
    """The same resource is bound again; the old session ends afterwards, late.

    What reaches the old one from here on is not looked at.
    """

    key = "replace"
    calls = World.replace
    begins = True
    says, label = "{} binds the same resource again; the old session ends afterwards, late.", "binds again"
    jid: FullJID


@frozen
class DetachStep(SubjectStep):
    """The stream is lost but may be resumed; what is delivered meanwhile is kept for it."""

    key = "detach"
    calls = World.detach
    says, label = "{} loses its stream, and may resume it.", "stream lost"
    jid: FullJID


@frozen
class ResumeStep(SubjectStep):
    """It is resumed, and gets what was kept."""

    key = "resume"
    calls = World.resume
    says, label = "{} resumes its stream.", "resumes"
    jid: FullJID


@frozen
class ExpireStep(SubjectStep):
    """The time for that is over: the session ends, and what was kept has not arrived."""

    key = "expire"
    calls = World.expire
    ends = True
    says, label = "{} has not resumed its stream in time.", "not resumed"
    jid: FullJID


@frozen
class RestartStep(SubjectStep):
    """The account leaves memory, its sessions too, and is loaded again from what was stored."""

    key = "restart"
    calls = World.restart
    ends = True
    says, label = "The account {} leaves memory, and is loaded again from what was stored.", "account reloaded"
    account: BareJID


@frozen
class StorageFailsStep(ActingStep):
    """The next load of this account fails, and nothing can be read of it until another `restart` loads it again.

    With `"store"`: its next commit fails, that one only.
    """

    key = "storage_fails"
    calls = World.fail_storage
    account: Annotated[BareJID, Name("of", op="account")]
    what: Literal["load", "store"]

    def show(self, stage: Stage) -> Line:
        says = f"The next {self.what} of {self.account} fails."
        return stage.event(says, f"{self.what} fails: {short(self.account)}")


@frozen
class StorageWaitsStep(SubjectStep):
    """From here on the storage does not answer when the server reads anything of this account."""

    key = "storage_waits"
    calls = World.delay_storage
    says, label = "From here on the storage does not answer when the server reads anything of {}.", "storage waits"
    account: BareJID


@frozen
class StorageAnswersStep(SubjectStep):
    """The storage answers all of that, in order, and whatever is read later at once."""

    key = "storage_answers"
    calls = World.answer_storage
    says, label = (
        "The storage answers what the server has asked it about {}, and does so from here on.",
        "storage answers",
    )
    account: BareJID


@frozen
class TimeStep(ActingStep):
    """It is now this time.

    A scenario whose first step says so begins then; any other, at a time of the driver's choice.
    """

    key = "time"
    calls = World.set_time
    at: Annotated[Moment, Name("time")]

    def show(self, stage: Stage) -> Line:
        now = self.at.isoformat(" ")
        return stage.event(f"It is now {now}.", now)


@frozen
class AccountCreatedStep(SubjectStep):
    """The administrator creates the account."""

    key = "account_created"
    calls = World.create_account
    begins = True
    says, label = "The administrator creates the account {}.", "account created"
    account: BareJID


@frozen
class AccountRemovedStep(SubjectStep):
    """The administrator removes the account."""

    key = "account_removed"
    calls = World.remove_account
    ends = True
    says, label = "The administrator removes the account {}.", "account removed"
    account: BareJID


@frozen
class AccountMovedStep(ActingStep):
    """The administrator notes that the user has moved, for good or (`false`) for a time.

    With `"to": null` the user is back.
    """

    key = "account_moved"
    calls = World.move_account
    account: Annotated[BareJID, Name("of", op="account")]
    to: URIOrNull
    permanently: bool

    def show(self, stage: Stage) -> Line:
        if self.to is None:
            return stage.event(
                f"The administrator notes that {self.account} is back.", f"{short(self.account)} is back"
            )
        time = "for good" if self.permanently else "for a time"
        says = f"The administrator notes that {self.account} has moved to {self.to}, {time}."
        return stage.event(says, f"{short(self.account)} has moved")


@frozen
class ItemsSharedStep(ActingStep):
    """The service shows these items in the account's roster, read-only for its user (shared groups and the like).

    They replace the items that it showed before. An item may have `subscription` (default `both`), `name` and `groups`.
    A `roster` step does not look at them.
    """

    key = "items_shared"
    calls = World.share_items
    account: Annotated[BareJID, Name("of", op="account")]
    items: SharedItems

    def show(self, stage: Stage) -> Line:
        shown = ", ".join([f"{item.jid} ({item.subscription})" for item in self.items]) or "no items"
        says = f"The service shows {shown} in the roster of {self.account}, and no others."
        return stage.event(says, f"items shared: {short(self.account)}")


@frozen
class StanzaAgainStep(ActingStep):
    """The server takes the last stanza of this client, or of this user of the other server, once more.

    So does a server that takes stanzas from a queue, after a crash that has hidden whether it processed the last one.
    """

    key = "stanza_again"
    calls = World.take_again
    jid: Annotated[str, FieldKind(ref("full_jid"), "FULL_JID")]

    def show(self, stage: Stage) -> Line:
        says = f"The server takes the last stanza of {self.jid} once more."
        return stage.event(says, f"again: {short(self.jid)}")


@frozen
class DecideStep(ActingStep):
    """The service's own policy answers the next request of that sender (or: `"deny"`)."""

    key = "decide"
    calls = World.decide
    account: Annotated[BareJID, Name("at", op="account")]
    request_from: ContactJID
    decision: Literal["approve", "deny"]

    def show(self, stage: Stage) -> Line:
        verb = "approves" if self.decision == "approve" else "denies"
        says = f"The service's own policy for {self.account} {verb} the next request of {self.request_from}."
        return stage.event(says, f"policy {verb} {short(self.request_from)}")


ACTS_OF_CLIENTS: Final = (ConnectStep, SendStep, RemoteSendStep, DisconnectStep)
ACTS_OF_HOSTS: Final = (
    ReplaceStep,
    DetachStep,
    ResumeStep,
    ExpireStep,
    RestartStep,
    StorageFailsStep,
    StorageWaitsStep,
    StorageAnswersStep,
    TimeStep,
    AccountCreatedStep,
    AccountRemovedStep,
    AccountMovedStep,
    ItemsSharedStep,
    StanzaAgainStep,
    DecideStep,
)
"""What no socket can do."""
