// The syntax of a presence notification (RFC 6121, section 4.7).

import { clone } from 'ltx'

const SHOWS = ['away', 'chat', 'dnd', 'xa']

// Whether the children of available presence are valid, as far as the RFC defines them.
export function isWellMade(presence) {
  const [shows, statuses, priorities] = ['show', 'status', 'priority'].map((name) => defined(presence, name))
  const languages = statuses.map((status) => language(status, presence))
  return (
    [...shows, ...statuses, ...priorities].every(isText) &&
    shows.length <= 1 &&
    shows.every((show) => SHOWS.includes(show.getText().trim())) &&
    new Set(languages).size === languages.length &&
    priorities.length <= 1 &&
    priorities.every((priority) => isPriority(priority.getText()))
  )
}

// Return unavailable presence as the server passes it on. It is never refused; invalid children are removed instead: a
// show or a priority (4.7.2), a status that is not text, and a second status in the same language (4.7.2.2).
export function leaving(presence) {
  const copy = clone(presence)
  const languages = new Set()
  for (const child of [...defined(copy, 'show'), ...defined(copy, 'priority')]) copy.remove(child)
  for (const status of defined(copy, 'status')) {
    if (!isText(status) || languages.has(language(status, copy))) copy.remove(status)
    else languages.add(language(status, copy))
  }
  return copy
}

// The children with this name in the RFC's namespace; children in other namespaces are extensions.
function defined(presence, name) {
  return presence.getChildElements().filter((child) => child.name === name && child.getNS() === presence.getNS())
}

const isText = (element) => element.getChildElements().length === 0
const language = (status, presence) => status.attrs['xml:lang'] ?? presence.attrs['xml:lang'] ?? ''
const isPriority = (text) => /^\s*[+-]?\d+\s*$/.test(text) && Number(text) >= -128 && Number(text) <= 127
