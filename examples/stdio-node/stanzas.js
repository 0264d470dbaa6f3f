// Addresses and stanzas, as far as rosters and presence need them.

import { Element, clone, parse } from 'ltx'

export const ROSTER = 'jabber:iq:roster'
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas'
const ERROR_TYPES = {
  'bad-request': 'modify',
  'forbidden': 'auth',
  'item-not-found': 'cancel',
  'jid-malformed': 'modify',
  'not-acceptable': 'modify',
  'not-allowed': 'cancel',
  'remote-server-not-found': 'cancel',
  'service-unavailable': 'cancel',
}

// The scenario needs a feature that this server does not have.
export class NotApplicable extends Error {}

// Split an address into its parts; null if it is not an address. Only resources are case-sensitive (RFC 7622).
export function readJid(text) {
  if (/[^\x20-\x7e]/.test(text)) throw new NotApplicable('addresses beyond ASCII are not prepared')
  const match = /^(?:([^@/\s"&':<>]+)@)?([^@/\s]+?)\.?(?:\/(.+))?$/.exec(text)
  if (!match || (text.includes('/') && !match[3])) return null
  const [, local, domain, resource] = match
  const bare = `${local ? `${local}@` : ''}${domain}`.toLowerCase()
  return { bare, local, domain: domain.toLowerCase(), resource, full: resource ? `${bare}/${resource}` : bare }
}

export const bareOf = (jid) => readJid(jid).bare

export const readStanza = (xml) => parse(xml)

// Return a copy of a stanza with these attributes; a null removes the attribute.
export function stamped(stanza, attributes) {
  const copy = clone(stanza)
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null) delete copy.attrs[name]
    else copy.attrs[name] = value
  }
  return copy
}

export function presence(attributes) {
  return stamped(new Element('presence'), attributes)
}

export function iq(attributes, ...children) {
  const stanza = stamped(new Element('iq'), attributes)
  for (const child of children) stanza.cnode(child)
  return stanza
}

// Return the error that answers a stanza of a local client.
export function errorFor(stanza, condition) {
  const error = new Element('error', { type: ERROR_TYPES[condition] })
  error.c(condition, { xmlns: STANZAS })
  const reply = stamped(new Element(stanza.getName()), {
    type: 'error',
    id: stanza.attrs.id,
    from: stanza.attrs.to,
  })
  reply.cnode(error)
  return reply
}

export function delayed(stanza, from, at) {
  const copy = clone(stanza)
  copy.c('delay', { xmlns: 'urn:xmpp:delay', from, stamp: at.toISOString().replace(/\.\d+Z$/, 'Z') })
  return copy
}
