// A server for two domains: its accounts, and routing between them and to another server.

import { Account, isKnown } from './account.js'
import { NotApplicable, errorFor, readJid, readStanza, stamped } from './stanzas.js'

const HOSTED = ['capulet.example', 'montague.example']
const REMOTE = 'remote.example'

export class Server {
  // `accounts`: rosters by bare JID.
  constructor(accounts) {
    this.accounts = new Map()
    this.onTheWay = [] // to accounts of this server
    this.delivered = []
    this.remote = []
    this.closed = [] // sessions whose streams were closed, with the stream error
    for (const [jid, { roster }] of Object.entries(accounts)) {
      if (roster.some((item) => item.approved)) throw new NotApplicable('there are no pre-approvals')
      this.accounts.set(readJid(jid).bare, new Account(this, readJid(jid).bare, roster))
    }
  }

  // --- called by accounts -----------------------------------------------------------------------------------

  deliver(jid, stanza) {
    this.delivered.push([jid, stanza.toString()])
  }

  isLocal(jid) {
    return HOSTED.includes(readJid(jid).domain)
  }

  // Route a stanza. It arrives at its account only after this step has sent everything, so that its results come
  // later. Return whether the domain can be reached.
  route(stanza) {
    const { domain, local } = readJid(stanza.attrs.to)
    if (domain === REMOTE) this.remote.push(stanza.toString())
    else if (HOSTED.includes(domain) && local) this.onTheWay.push(stanza)
    else if (HOSTED.includes(domain)) throw new NotApplicable('the domain itself takes no stanzas')
    else return false
    return true
  }

  // --- called by scenarios ----------------------------------------------------------------------------------

  connect(jid) {
    const { bare, resource } = readJid(jid)
    this.accounts.get(bare).connect(jid, resource)
  }

  disconnect(jid) {
    const { bare, resource } = readJid(jid)
    this.accounts.get(bare).disconnect(resource)
    this.settle()
  }

  // Bind a resource that is in use: the older session ends with a stream error (RFC 6120, section 7.7.2.2).
  replace(jid) {
    this.disconnect(jid)
    this.closed.push([jid, 'conflict'])
    this.connect(jid)
  }

  send(from, xml) {
    const { bare, resource } = readJid(from)
    const stanza = readStanza(xml)
    if ((stanza.getNS() ?? 'jabber:client') !== 'jabber:client') throw new NotApplicable('that is no stanza')
    this.accounts.get(bare).outbound(resource, stanza)
    this.settle()
  }

  remoteSend(xml) {
    const stanza = readStanza(xml)
    const from = stanza.attrs.from && readJid(stanza.attrs.from)
    if (!from || HOSTED.includes(from.domain) || !stanza.attrs.to || !readJid(stanza.attrs.to)) {
      throw new NotApplicable('what another server may send is not checked')
    }
    if (HOSTED.includes(readJid(stanza.attrs.to).domain)) this.route(stanza)
    this.settle()
  }

  roster(account) {
    return this.accounts.get(readJid(account).bare).roster()
  }

  // Remove and return what was sent, and which streams were closed, since the last call.
  take() {
    const { delivered, remote, closed } = this
    this.delivered = []
    this.remote = []
    this.closed = []
    return { deliver: delivered, remote, closed }
  }

  settle() {
    while (this.onTheWay.length > 0) {
      const stanza = this.onTheWay.shift()
      if (!stanza.is('presence')) throw new NotApplicable('only presence is exchanged with others')
      const account = this.accounts.get(readJid(stanza.attrs.to).bare)
      if (account) account.inbound(stanza)
      // Ignore stanzas for an account that does not exist (8.5.1). Answer a probe and a wrong type as an account would:
      // the answer does not tell whether there is one.
      else if (!isKnown(stanza.attrs.type)) {
        this.route(stamped(errorFor(stanza, 'bad-request'), { to: stanza.attrs.from }))
      } else if (stanza.attrs.type === 'probe') throw new NotApplicable('probes of strangers are not answered')
    }
  }
}
