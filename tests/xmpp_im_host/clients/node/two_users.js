// Two users of @xmpp/client log in, exchange rosters, subscriptions, presence and messages, and lose a connection.
// Arguments: the service (xmpp://… or wss://…), and whether to break a connection off. NODE_EXTRA_CA_CERTS names the
// certificate to trust. It ends with status 0 and one line of JSON if all of it worked.

import assert from "node:assert/strict";
import { client, xml } from "@xmpp/client";
import WebSocket from "ws";

globalThis.WebSocket ??= WebSocket; // Node.js 22 has one, older ones have not
const [service, breaks] = process.argv.slice(2);
const ROSTER = "jabber:iq:roster";
const PATIENCE = 20_000;

class User {
  constructor(username, password) {
    this.jid = `${username}@localhost`;
    this.xmpp = client({ service, domain: "localhost", resource: "node", username, password });
    // The client begins to wait for a stream header only after it has written its own: it misses an answer that comes
    // earlier, although it goes on with the stream. Without this time it does not fail two seconds later.
    this.xmpp.timeout = 0;
    this.came = [];
    this.waiting = [];
    this.errors = [];
    this.xmpp.on("error", (error) => this.errors.push(String(error)));
    this.xmpp.on("stanza", (stanza) => {
      this.came.push(stanza);
      for (const look of this.waiting) look();
    });
    this.xmpp.iqCallee.set(ROSTER, "query", () => true); // the answer to a roster push
  }

  /** Return the first stanza that is wanted, among those that came and those that come. */
  async until(what, wanted) {
    const found = () => this.came.findIndex(wanted);
    if (found() < 0) {
      await new Promise((resolve, reject) => {
        const late = () => reject(new Error(`${this.jid} waited for ${what}; it got ${this.came.join("\n")}`));
        const timer = setTimeout(late, PATIENCE);
        const look = () => {
          if (found() < 0) return;
          clearTimeout(timer);
          this.waiting.splice(this.waiting.indexOf(look), 1);
          resolve();
        };
        this.waiting.push(look);
      });
    }
    return this.came.splice(found(), 1)[0];
  }

  presence(type, from) {
    const matches = ({ name, attrs }) => name === "presence" && attrs.type === type && attrs.from.startsWith(from);
    return this.until(`presence of type ${type} from ${from}`, matches);
  }

  pushed(jid, subscription) {
    return this.until(`a roster push for ${jid} with ${subscription}`, (stanza) => {
      const item = stanza.getChild("query", ROSTER)?.getChild("item");
      return stanza.attrs.type === "set" && item?.attrs.jid === jid && item.attrs.subscription === subscription;
    });
  }

  message(body) {
    return this.until(`the message ${body}`, (stanza) => stanza.getChildText("body") === body);
  }

  async roster() {
    const query = await this.xmpp.iqCaller.get(xml("query", ROSTER));
    return query.getChildren("item").map(({ attrs }) => [attrs.jid, attrs.subscription, attrs.name ?? null]);
  }

  say(to, body) {
    return this.xmpp.send(xml("message", { to, type: "chat" }, xml("body", {}, body)));
  }
}

const romeo = new User("romeo", "rosaline");
const juliet = new User("juliet", "balcony");
const jids = [String(await romeo.xmpp.start()), String(await juliet.xmpp.start())];
assert.deepEqual(jids, ["romeo@localhost/node", "juliet@localhost/node"]);

// Rosters
assert.deepEqual(await romeo.roster(), []);
await romeo.xmpp.iqCaller.set(xml("query", ROSTER, xml("item", { jid: juliet.jid, name: "Juliet" })));
await romeo.pushed(juliet.jid, "none");
assert.deepEqual(await romeo.roster(), [[juliet.jid, "none", "Juliet"]]);
assert.deepEqual(await juliet.roster(), []);

// Presence and subscriptions in both directions
for (const each of [romeo, juliet]) await each.xmpp.send(xml("presence"));
for (const [one, other] of [[romeo, juliet], [juliet, romeo]]) {
  await one.xmpp.send(xml("presence", { to: other.jid, type: "subscribe" }));
  await other.presence("subscribe", one.jid);
  await other.xmpp.send(xml("presence", { to: one.jid, type: "subscribed" }));
  await one.presence("subscribed", other.jid);
  await one.presence(undefined, `${other.jid}/node`);
}
await romeo.pushed(juliet.jid, "both");
await juliet.pushed(romeo.jid, "both");
await juliet.xmpp.send(xml("presence", {}, xml("show", {}, "away")));
assert.equal((await romeo.presence(undefined, `${juliet.jid}/node`)).getChildText("show"), "away");

// Messages
await romeo.say(juliet.jid, "But soft");
assert.equal((await juliet.message("But soft")).attrs.from, "romeo@localhost/node");
await juliet.say("romeo@localhost/node", "Ay me");
assert.equal((await romeo.message("Ay me")).attrs.from, "juliet@localhost/node");

// A connection that breaks off: the session is resumed, and what was sent meanwhile arrives, in both directions
if (breaks === "breaks") {
  const { xmpp } = juliet;
  const resumed = new Promise((resolve) => xmpp.streamManagement.once("resumed", resolve));
  const socket = xmpp.socket.socket ?? xmpp.socket;
  (socket.terminate ?? socket.destroy).call(socket);
  await romeo.say("juliet@localhost/node", "She speaks");
  await resumed;
  await juliet.message("She speaks");
  await juliet.say(romeo.jid, "O Romeo");
  await romeo.message("O Romeo");
  assert.ok(!romeo.came.some((stanza) => stanza.attrs.type === "unavailable"), "juliet seemed to be away");
}

// The end
await juliet.xmpp.stop();
await romeo.presence("unavailable", "juliet@localhost/node");
await romeo.xmpp.stop();
assert.deepEqual([romeo.errors, juliet.errors], [[], []]);
console.log(JSON.stringify({ jids }));
