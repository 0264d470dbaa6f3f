// One account: its roster (RFC 6121, section 2), its subscriptions (3) and the presence of its resources (4).

import { Element, clone } from 'ltx'
import { INBOUND, OUTBOUND, STATES, TYPES, isSeenBy, sees, stateOf } from './subscriptions.js'
import { NotApplicable, ROSTER, delayed, errorFor, iq, presence, readJid, readStanza, stamped } from './stanzas.js'
import { isWellMade, leaving } from './syntax.js'

const LONGEST = 1023 // characters of a name or a group

// The presence types besides those of subscriptions; undefined: available.
const isPresence = (type) => [undefined, 'unavailable', 'probe', 'error'].includes(type)

// Whether presence may have this type at all (4.7.1).
export const isKnown = (type) => isPresence(type) || TYPES.includes(type)

class Contact {
  constructor(jid, item = {}) {
    this.jid = jid
    this.listed = item.listed ?? false
    this.name = item.name ?? ''
    this.groups = item.groups ?? []
    this.request = item.pending_in ?? null // the complete stanza, as text
    this.state = stateOf(item.subscription ?? 'none', item.ask ?? false, this.request !== null)
    if (!STATES[this.state][2]) this.request = null
  }

  get subscription() {
    return STATES[this.state][0]
  }

  get ask() {
    return STATES[this.state][1]
  }

  get pendingIn() {
    return STATES[this.state][2]
  }

  // The contact as a roster item.
  element() {
    const item = new Element('item', { jid: this.jid, subscription: this.subscription })
    if (this.name) item.attrs.name = this.name
    if (this.ask) item.attrs.ask = 'subscribe'
    for (const group of this.groups) item.c('group').t(group)
    return item
  }
}

class Session {
  constructor(jid, resource) {
    this.jid = jid // as written in the scenario
    this.resource = resource
    this.interested = false // whether it has requested the roster (2.2)
    this.presence = null // the last broadcast presence; null: not available (4.2)
    this.directed = new Set()
  }
}

export class Account {
  // `server` routes stanzas and delivers them to sessions; `items` is the stored roster.
  constructor(server, jid, items) {
    this.server = server
    this.jid = jid
    this.contacts = new Map()
    for (const item of items) {
      const contact = readJid(item.jid).bare
      this.contacts.set(contact, new Contact(contact, item))
    }
    this.sessions = new Map()
    this.lastSeen = null
    this.pushes = 0
  }

  get available() {
    return [...this.sessions.values()].filter((session) => session.presence)
  }

  get interested() {
    return [...this.sessions.values()].filter((session) => session.interested)
  }

  fullJid(session) {
    return `${this.jid}/${session.resource}`
  }

  deliver(stanza, sessions) {
    for (const session of sessions) this.server.deliver(session.jid, stanza)
  }

  // The contact with this address. An unknown one has the state None, and is kept only after a change.
  contact(jid) {
    return this.contacts.get(jid) ?? new Contact(jid)
  }

  keep(contact) {
    if (contact.listed || contact.request) this.contacts.set(contact.jid, contact)
    else this.contacts.delete(contact.jid)
  }

  // --- sessions -------------------------------------------------------------------------------------------

  connect(jid, resource) {
    if (this.sessions.has(resource)) throw new NotApplicable('a resource that is in use is not bound again')
    this.sessions.set(resource, new Session(jid, resource))
  }

  disconnect(resource) {
    const session = this.sessions.get(resource)
    if (!session) return
    this.sessions.delete(resource)
    this.becomeUnavailable(session, presence({ type: 'unavailable' }))
  }

  // Handle a stanza of a client. Only presence and roster IQs are supported.
  outbound(resource, stanza) {
    const session = this.sessions.get(resource)
    if (!session) return
    const to = stanza.attrs.to
    const address = to === undefined ? null : readJid(to)
    if (to !== undefined && !address) {
      if (stanza.attrs.type !== 'error') this.deliver(errorFor(stanza, 'jid-malformed'), [session])
    } else if (stanza.is('iq')) this.outboundIq(session, stanza, address)
    else if (stanza.is('presence')) this.outboundPresence(session, stanza, address)
    else throw new NotApplicable('there are no messages here')
  }

  outboundPresence(session, stanza, address) {
    const type = stanza.attrs.type
    if (TYPES.includes(type)) {
      // A subscription needs a contact, and users cannot subscribe to their own presence.
      if (!address) this.deliver(errorFor(stanza, 'bad-request'), [session])
      else if (address.bare !== this.jid) this.outboundSubscription(stanza, address.bare, session)
    } else if (!isPresence(type) || (type === undefined && !isWellMade(stanza))) {
      this.deliver(errorFor(stanza, 'bad-request'), [session])
    } else if (type === 'error' || type === 'probe') {
      if (address) this.routeFor(session, stanza)
    } else if (address && address.bare === this.jid && !address.resource) {
      throw new NotApplicable('presence directed to the own account is not implemented')
    } else if (address) {
      this.directedPresence(session, type === 'unavailable' ? leaving(stanza) : stanza, address)
    } else if (type === 'unavailable') {
      this.becomeUnavailable(session, leaving(stanza))
    } else {
      this.broadcastPresence(session, stanza)
    }
  }

  // Route a stanza of a client to its 'to'. Return whether the domain can be reached.
  routeFor(session, stanza) {
    return this.server.route(stamped(stanza, { from: this.fullJid(session) }))
  }

  deliverUnroutable(stanza, sessions) {
    const error = errorFor(stanza, 'remote-server-not-found')
    for (const session of sessions) this.deliver(stamped(error, { to: this.fullJid(session) }), [session])
  }

  // --- the roster (2) -------------------------------------------------------------------------------------

  outboundIq(session, stanza, address) {
    const [query, ...others] = stanza.getChildElements()
    if (address && address.full !== this.jid) throw new NotApplicable('IQs to others are not implemented')
    if (!['get', 'set'].includes(stanza.attrs.type)) return // answers to pushes
    if (!query?.is('query', ROSTER)) throw new NotApplicable('no IQs but those of the roster are implemented')
    const refused = others.length > 0 ? 'bad-request' : this.refusal(query, stanza.attrs.type)
    if (refused) {
      this.deliver(stamped(errorFor(stanza, refused), { to: this.fullJid(session) }), [session])
    } else if (stanza.attrs.type === 'get') {
      session.interested = true
      const items = [...this.contacts.values()].filter((contact) => contact.listed)
      const result = new Element('query', { xmlns: ROSTER })
      for (const contact of items) result.cnode(contact.element())
      this.deliver(this.result(session, stanza, result), [session])
    } else {
      this.deliver(this.result(session, stanza), [session])
      const item = query.getChild('item')
      const contact = this.contact(readJid(item.attrs.jid).bare)
      if (item.attrs.subscription === 'remove') this.removeItem(contact)
      else this.setItem(contact, item)
    }
  }

  result(session, stanza, ...children) {
    return iq({ type: 'result', id: stanza.attrs.id, from: stanza.attrs.to, to: this.fullJid(session) }, ...children)
  }

  // The reason for refusing a roster get or set (2.1.3, 2.3.3, 2.5.3); undefined if it is accepted.
  refusal(query, type) {
    const [item, ...others] = query.getChildren('item')
    if (type === 'get') return item ? 'bad-request' : undefined
    if (!item || others.length > 0 || !item.attrs.jid) return 'bad-request'
    const address = readJid(item.attrs.jid)
    if (!address) return 'jid-malformed'
    const contact = this.contacts.get(address.bare)
    if (item.attrs.subscription === 'remove') return contact?.listed ? undefined : 'item-not-found'
    const groups = item.getChildren('group').map((group) => group.getText())
    if (new Set(groups).size < groups.length) return 'bad-request'
    if (groups.includes('')) return 'not-acceptable'
    if ([item.attrs.name ?? '', ...groups].some((text) => text.length > LONGEST)) return 'not-acceptable'
    return address.bare === this.jid ? 'not-allowed' : undefined
  }

  setItem(contact, item) {
    contact.listed = true
    contact.name = item.attrs.name ?? ''
    contact.groups = item.getChildren('group').map((group) => group.getText())
    this.keep(contact)
    this.push(contact.element())
  }

  removeItem(contact) {
    const { subscription, ask } = contact
    if (isSeenBy(subscription)) this.sendUnavailable(contact.jid)
    if (sees(subscription) || ask) this.routeSubscription(presence({ to: contact.jid, type: 'unsubscribe' }))
    if (isSeenBy(subscription)) this.route('unsubscribed', contact.jid)
    this.contacts.delete(contact.jid)
    // A pending request of the contact stays pending (3.1.3).
    if (contact.request) this.keep(new Contact(contact.jid, { pending_in: contact.request }))
    this.push(new Element('item', { jid: contact.jid, subscription: 'remove' }))
  }

  push(item) {
    this.pushes += 1
    for (const session of this.interested) {
      const query = new Element('query', { xmlns: ROSTER })
      query.cnode(clone(item))
      this.deliver(iq({ type: 'set', id: `push-${this.pushes}`, to: this.fullJid(session) }, query), [session])
    }
  }

  // --- subscriptions (3) ----------------------------------------------------------------------------------

  route(type, to, id) {
    this.server.route(presence({ from: this.jid, to, type, id }))
  }

  // Route a change of a subscription. If it cannot be routed, the available resources and the sending one get an
  // error (3.1.2, 8.3).
  routeSubscription(stanza, sender) {
    if (this.server.route(stamped(stanza, { from: this.jid }))) return
    this.deliverUnroutable(stanza, new Set([...this.available, ...(sender ? [sender] : [])]))
  }

  outboundSubscription(stanza, to, session) {
    const type = stanza.attrs.type
    const contact = this.contact(to)
    const [routed, after] = OUTBOUND[type][contact.state]
    if (!routed) return
    const before = contact.subscription
    if (type === 'unsubscribed' && isSeenBy(before)) this.sendUnavailable(to)
    // The server sends requests to the bare JID, even if the client wrote a full JID (3.1.2).
    this.routeSubscription(stamped(stanza, { to }), session)
    if (after) {
      this.change(contact, after, type === 'subscribe' || type === 'subscribed')
      if (type === 'subscribed') {
        for (const each of this.available) {
          this.server.route(stamped(each.presence, { from: this.fullJid(each), to }))
        }
      }
    }
  }

  // Set a contact's state and push the item. `adds`: whether to add a contact that is not in the roster.
  change(contact, state, adds) {
    const shown = contact.listed ? contact.element().toString() : ''
    contact.state = state
    contact.listed ||= adds
    if (!contact.pendingIn) contact.request = null
    this.keep(contact)
    if (contact.listed && contact.element().toString() !== shown) this.push(contact.element())
  }

  // Handle a stanza that is addressed to a resource (8.5.3.2.2). If the sender may not see the resource, treat it as
  // absent: if an unsubscribe to it had an effect, the answer to the next request would reveal the resource.
  isIgnored(type, from, match) {
    return !match || (type === 'unsubscribe' && !this.isVisible(match, from))
  }

  isVisible(session, to) {
    const subscribed = session.presence && isSeenBy(this.contact(to.bare).subscription)
    return subscribed || session.directed.has(to.full) || session.directed.has(to.bare)
  }

  inboundSubscription(stanza, from, toFull) {
    const type = stanza.attrs.type
    const contact = this.contact(from)
    const [delivered, after] = INBOUND[type][contact.state]
    const { subscription } = contact
    if (type === 'subscribe' && isSeenBy(subscription)) this.route('subscribed', from)
    if (!delivered) return
    if (type === 'subscribe') {
      contact.request = stanza.toString()
      contact.state = after
      this.keep(contact)
      this.deliver(stanza, this.available)
      return
    }
    this.deliver(stanza, this.interested)
    this.change(contact, after, false)
    if (type !== 'unsubscribe') return
    if (isSeenBy(subscription)) this.sendUnavailable(from)
    // Do not answer a stanza that was addressed to a resource: the answer would reveal whether the resource exists.
    if (!toFull) this.route('unsubscribed', from)
  }

  // Send unavailable presence of each available resource to an entity that may no longer see it (3.2.2, 3.3.3).
  sendUnavailable(to) {
    for (const session of this.available) {
      session.directed.delete(to)
      this.server.route(presence({ from: this.fullJid(session), to, type: 'unavailable' }))
    }
  }

  // --- presence (4) ---------------------------------------------------------------------------------------

  // The contacts that see the user, and those that the user sees. A stored item with the user's own JID does not
  // count: the user's resources see each other without a subscription (4.2.2).
  subscribers() {
    return this.contactsWhere(isSeenBy)
  }

  subscriptions() {
    return this.contactsWhere(sees)
  }

  contactsWhere(holds) {
    const contacts = [...this.contacts.values()].filter((contact) => holds(contact.subscription))
    return contacts.map(({ jid }) => jid).filter((jid) => jid !== this.jid)
  }

  broadcastPresence(session, stanza) {
    const initial = !session.presence
    const from = this.fullJid(session)
    const others = this.available.filter((each) => each !== session)
    session.presence = stamped(stanza, { to: null, from })
    for (const to of this.subscribers()) this.server.route(stamped(stanza, { from, to }))
    this.deliver(stamped(stanza, { from, to: this.jid }), this.available)
    if (!initial) return
    for (const to of this.subscriptions()) this.probe(to, session)
    for (const each of others) this.deliver(stamped(each.presence, { to: this.jid }), [session])
    for (const contact of this.contacts.values()) {
      if (contact.request) this.deliver(readStanza(contact.request), [session])
    }
  }

  // A probe is sent from the bare JID. Within the service no probe is needed (4.3.1): the contact's account answers to
  // the new resource only, so the other resources do not get the contact's presence again.
  probe(to, session) {
    const from = this.server.isLocal(to) ? this.fullJid(session) : this.jid
    this.server.route(presence({ from, to, type: 'probe' }))
  }

  becomeUnavailable(session, stanza) {
    const from = this.fullJid(session)
    const wasAvailable = session.presence !== null
    // The user's available resources are told below: they are not told twice (4.5.2, 4.6.3).
    const resources = wasAvailable ? this.available.map((each) => this.fullJid(each)) : []
    const directed = [...session.directed].filter((each) => !resources.includes(each))
    const to = new Set([...(wasAvailable ? this.subscribers() : []), ...directed])
    for (const each of to) this.server.route(stamped(stanza, { from, to: each }))
    if (wasAvailable) {
      this.deliver(stamped(stanza, { from, to: this.jid }), this.available.filter((each) => this.sessions.get(each.resource)))
      this.lastSeen = new Date()
    }
    session.presence = null
    session.directed.clear()
    const ended = this.sessions.get(session.resource) !== session
    // The user's resources know that this one left: they need not end their directed presence to it (4.6.1).
    if (wasAvailable || ended) this.forget(readJid(from), this.sessions.values())
  }

  directedPresence(session, stanza, address) {
    const seen = isSeenBy(this.contact(address.bare).subscription) && session.presence
    const absent = address.bare === this.jid && !this.sessions.has(address.resource)
    if (stanza.attrs.type === 'unavailable') session.directed.delete(address.full)
    else if (!seen && !absent) session.directed.add(address.full)
    if (!this.routeFor(session, stanza)) this.deliverUnroutable(stanza, [session]) // 8.3
  }

  // Handle a stanza that arrives for this account, from another entity or from one of its own resources.
  inbound(stanza) {
    const from = readJid(stanza.attrs.from)
    const to = readJid(stanza.attrs.to)
    const type = stanza.attrs.type
    const match = this.sessions.get(to.resource)
    if (type === 'subscribe') {
      this.inboundSubscription(stamped(stanza, { to: this.jid }), from.bare, false)
    } else if (TYPES.includes(type)) {
      const ignored = to.resource && this.isIgnored(type, from, match)
      if (!ignored) this.inboundSubscription(stanza, from.bare, Boolean(to.resource))
    } else if (type === 'probe') {
      this.answerProbe(stanza, from, to)
    } else if (isPresence(type)) {
      const addressed = to.resource ? [match].filter(Boolean) : this.addressed(type)
      if (type === 'unavailable') this.forget(from, addressed)
      this.deliver(stanza, addressed)
    } else {
      this.server.route(stamped(errorFor(stanza, 'bad-request'), { to: stanza.attrs.from }))
    }
  }

  // The resources that get stanzas for the bare JID. An error may answer a resource that is not available yet, so an
  // error goes to all resources if none is available.
  addressed(type) {
    return type === 'error' && this.available.length === 0 ? [...this.sessions.values()] : this.available
  }

  // An entity left: these sessions need not end their directed presence to it (4.6.1).
  forget(from, sessions) {
    for (const session of sessions) session.directed.delete(from.full)
  }

  answerProbe(probe, from, to) {
    const reply = (stanza, attributes) => this.server.route(stamped(stanza, { to: probe.attrs.from, ...attributes }))
    const own = from.bare === this.jid
    if (!own && !isSeenBy(this.contact(from.bare).subscription)) {
      throw new NotApplicable('probes of strangers are not answered')
    }
    if (to.resource) throw new NotApplicable('probes for one resource are not answered')
    for (const session of this.available) reply(session.presence, {})
    if (this.available.length === 0) {
      const unavailable = presence({ type: 'unavailable', from: this.jid, id: probe.attrs.id })
      reply(this.lastSeen ? delayed(unavailable, this.jid, this.lastSeen) : unavailable, {})
    }
  }

  // --- what the runner compares ---------------------------------------------------------------------------

  roster() {
    return [...this.contacts.values()].map((contact) => ({
      jid: contact.jid,
      subscription: contact.subscription,
      ask: contact.ask,
      pending_in: contact.request,
      approved: false,
      name: contact.name,
      groups: contact.groups,
      listed: contact.listed,
    }))
  }
}
