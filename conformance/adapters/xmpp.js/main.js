// @xmpp/client as a client of the stdio protocol:
// xmpp-im-conformance run --driver stdio --command "node THIS_FILE"
//
// @xmpp/client parses what arrives, answers requests, matches answers and writes stanzas. It gives its application each
// stanza as XML and keeps no roster, presence or chats: the application composes what it wants to send as XML, too.

import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { client } from '@xmpp/client'
import Connection from '@xmpp/connection-tcp'
import parse from '@xmpp/xml/lib/parse.js'

const HEADER =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' id='s'>"
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind'
const { version } = createRequire(import.meta.url)('@xmpp/client/package.json')

let scenario = null

// The server's end of the connection: it offers the features, binds the resource, and then notes what is sent.
class Socket extends EventEmitter {
  secure = true

  connect() {
    setImmediate(() => this.emit('connect'))
  }

  write(text, done) {
    done()
    if (text.includes('<stream:stream')) {
      const features = [`<bind xmlns='${BIND}'/>`, ...scenario.features].join('')
      this.deliver(`${HEADER}<stream:features>${features}</stream:features>`)
    } else if (text.includes(BIND)) {
      const { id } = parse(text).attrs
      this.deliver(`<iq type='result' id='${id}'><bind xmlns='${BIND}'><jid>${scenario.jid}</jid></bind></iq>`)
    } else {
      scenario.sent.push(text)
    }
    return true
  }

  deliver(text) {
    setImmediate(() => this.emit('data', Buffer.from(text)))
  }
}

class Transport extends Connection {
  socketParameters() {
    return {}
  }
}
Transport.prototype.Socket = Socket
Transport.prototype.NS = 'jabber:client'

async function begin({ account, resource, stream_features: features }) {
  scenario = { jid: `${account}/${resource}`, features, sent: [], told: [] }
  const xmpp = client({ service: 'xmpp://127.0.0.1', domain: account.split('@')[1], resource, username: 'x' })
  xmpp.transports.unshift(Transport)
  xmpp.reconnect.stop()
  xmpp.on('error', () => {})
  await xmpp.start()
  scenario.xmpp = xmpp
}

function send({ xml }) {
  const stanza = parse(xml)
  const asks = stanza.is('iq') && ['get', 'set'].includes(stanza.attrs.type)
  if (!asks) return scenario.xmpp.send(stanza)
  const { told } = scenario
  scenario.xmpp.iqCaller.request(stanza).then((answer) => told.push({ type: 'answered', jid: answer.attrs.from ?? '' }), () => {})
}

// Wait until nothing is left to do: what arrives and what is sent takes several turns of the event loop.
async function settle() {
  for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

function receive({ xml }) {
  const stanza = parse(xml)
  if (stanza.is('iq') && stanza.attrs.type === 'set' && stanza.getChild('query', 'jabber:iq:roster')) {
    return { not_applicable: 'it has no roster: an application registers a handler for roster pushes' }
  }
  scenario.xmpp.socket.deliver(xml)
}

const ACTS = { begin_client: begin, client_sends: send, from_server: receive }

async function answer(request) {
  if (request.op === 'hello') {
    const ops = ['client_sends', 'from_server']
    return { protocol: 1, name: '@xmpp/client', version, client: { ops, events: ['answered'], refuses: false } }
  }
  if (!(request.op in ACTS)) return { not_applicable: `there is no op ${request.op}` }
  const refusal = await ACTS[request.op](request)
  if (refusal?.not_applicable) return refusal
  await settle()
  return { sent: scenario.sent.splice(0), events: scenario.told.splice(0) }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  const result = await answer(request).catch((problem) => ({ error: problem.stack }))
  process.stdout.write(`${JSON.stringify({ id: request.id, ...result })}\n`)
}
process.exit() // timers of requests without an answer are left
