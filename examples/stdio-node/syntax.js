// The syntax of a presence notification (RFC 6121, section 4.7).

const SHOWS = ['away', 'chat', 'dnd', 'xa']

// Whether the children that the RFC defines are as it defines them.
export function isWellMade(presence) {
  const own = (name) => presence.getChildElements().filter((child) => child.name === name && child.getNS() === presence.getNS())
  const [shows, statuses, priorities] = ['show', 'status', 'priority'].map(own)
  if ([...shows, ...statuses, ...priorities].some((child) => child.getChildElements().length > 0)) return false
  if (presence.attrs.type === 'unavailable' && shows.length + priorities.length > 0) return false
  const languages = statuses.map((status) => status.attrs['xml:lang'] ?? presence.attrs['xml:lang'] ?? '')
  return (
    shows.length <= 1 &&
    shows.every((show) => SHOWS.includes(show.getText())) &&
    new Set(languages).size === languages.length &&
    priorities.length <= 1 &&
    priorities.every((priority) => isPriority(priority.getText()))
  )
}

const isPriority = (text) => /^\s*[+-]?\d+\s*$/.test(text) && Number(text) >= -128 && Number(text) <= 127
