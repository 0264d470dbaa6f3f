// The nine subscription states and the eight tables of RFC 6121, Appendix A, from the view of the user's server.

export const STATES = {
  // name                    subscription  pending out  pending in
  'None': ['none', false, false],
  'None + Pending Out': ['none', true, false],
  'None + Pending In': ['none', false, true],
  'None + Pending Out+In': ['none', true, true],
  'To': ['to', false, false],
  'To + Pending In': ['to', false, true],
  'From': ['from', false, false],
  'From + Pending Out': ['from', true, false],
  'Both': ['both', false, false],
}

const YES = true // the stanza is routed, or delivered
const NO = false
const SAME = null // no state change

// A.2: stanzas that the user sends: whether they are routed, and the new state.
export const OUTBOUND = {
  // Table 2
  subscribe: {
    'None': [YES, 'None + Pending Out'],
    'None + Pending Out': [YES, SAME],
    'None + Pending In': [YES, 'None + Pending Out+In'],
    'None + Pending Out+In': [YES, SAME],
    'To': [YES, SAME],
    'To + Pending In': [YES, SAME],
    'From': [YES, 'From + Pending Out'],
    'From + Pending Out': [YES, SAME],
    'Both': [YES, SAME],
  },
  // Table 3
  unsubscribe: {
    'None': [YES, SAME],
    'None + Pending Out': [YES, 'None'],
    'None + Pending In': [YES, SAME],
    'None + Pending Out+In': [YES, 'None + Pending In'],
    'To': [YES, 'None'],
    'To + Pending In': [YES, 'None + Pending In'],
    'From': [YES, SAME],
    'From + Pending Out': [YES, 'From'],
    'Both': [YES, 'From'],
  },
  // Table 4, for a server without pre-approval
  subscribed: {
    'None': [NO, SAME],
    'None + Pending Out': [NO, SAME],
    'None + Pending In': [YES, 'From'],
    'None + Pending Out+In': [YES, 'From + Pending Out'],
    'To': [NO, SAME],
    'To + Pending In': [YES, 'Both'],
    'From': [NO, SAME],
    'From + Pending Out': [NO, SAME],
    'Both': [NO, SAME],
  },
  // Table 5
  unsubscribed: {
    'None': [NO, SAME],
    'None + Pending Out': [NO, SAME],
    'None + Pending In': [YES, 'None'],
    'None + Pending Out+In': [YES, 'None + Pending Out'],
    'To': [NO, SAME],
    'To + Pending In': [YES, 'To'],
    'From': [YES, 'None'],
    'From + Pending Out': [YES, 'None + Pending Out'],
    'Both': [YES, 'To'],
  },
}

// A.3: stanzas that the contact sends: whether they are delivered, and the new state.
export const INBOUND = {
  // Table 6
  subscribe: {
    'None': [YES, 'None + Pending In'],
    'None + Pending Out': [YES, 'None + Pending Out+In'],
    'None + Pending In': [NO, SAME],
    'None + Pending Out+In': [NO, SAME],
    'To': [YES, 'To + Pending In'],
    'To + Pending In': [NO, SAME],
    'From': [NO, SAME],
    'From + Pending Out': [NO, SAME],
    'Both': [NO, SAME],
  },
  // Table 7
  unsubscribe: {
    'None': [NO, SAME],
    'None + Pending Out': [NO, SAME],
    'None + Pending In': [YES, 'None'],
    'None + Pending Out+In': [YES, 'None + Pending Out'],
    'To': [NO, SAME],
    'To + Pending In': [YES, 'To'],
    'From': [YES, 'None'],
    'From + Pending Out': [YES, 'None + Pending Out'],
    'Both': [YES, 'To'],
  },
  // Table 8
  subscribed: {
    'None': [NO, SAME],
    'None + Pending Out': [YES, 'To'],
    'None + Pending In': [NO, SAME],
    'None + Pending Out+In': [YES, 'To + Pending In'],
    'To': [NO, SAME],
    'To + Pending In': [NO, SAME],
    'From': [NO, SAME],
    'From + Pending Out': [YES, 'Both'],
    'Both': [NO, SAME],
  },
  // Table 9
  unsubscribed: {
    'None': [NO, SAME],
    'None + Pending Out': [YES, 'None'],
    'None + Pending In': [NO, SAME],
    'None + Pending Out+In': [YES, 'None + Pending In'],
    'To': [YES, 'None'],
    'To + Pending In': [YES, 'None + Pending In'],
    'From': [NO, SAME],
    'From + Pending Out': [YES, 'From'],
    'Both': [YES, 'From'],
  },
}

export const TYPES = Object.keys(OUTBOUND)

// Return the name of a contact's state.
export function stateOf(subscription, pendingOut, pendingIn) {
  const found = Object.entries(STATES).find(
    ([, state]) => state[0] === subscription && state[1] === pendingOut && state[2] === pendingIn,
  )
  // A stored pending request does not count if the subscription exists.
  return found ? found[0] : stateOf(subscription, pendingOut && !sees(subscription), pendingIn && !isSeenBy(subscription))
}

// Whether the user sees the contact's presence, and whether the contact sees the user's.
export const sees = (subscription) => subscription === 'to' || subscription === 'both'
export const isSeenBy = (subscription) => subscription === 'from' || subscription === 'both'
