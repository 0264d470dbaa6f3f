// The stdio protocol of the conformance runner: one request per line in, one answer per line out.

import { createInterface } from 'node:readline'
import { Server } from './server.js'
import { NotApplicable } from './stanzas.js'

let server = null

// The ops, and what each does with the server. The answer contains the stanzas that the server sends because of it.
const ACTS = {
  connect: ({ jid }) => server.connect(jid),
  send: ({ from, xml }) => server.send(from, xml),
  remote_send: ({ xml }) => server.remoteSend(xml),
  disconnect: ({ jid }) => server.disconnect(jid),
  replace: ({ jid }) => server.replace(jid),
}

function answer(request) {
  if (request.op === 'hello') {
    const ops = [...Object.keys(ACTS), 'roster']
    return {
      protocol: 1,
      name: 'stdio-node-example',
      version: '1.0.0',
      server: { ops, features: [], sees_requests: true, tells_closing: true },
    }
  }
  if (request.op === 'begin') {
    server = new Server(request.accounts)
    return {}
  }
  if (request.op === 'roster') return { roster: server.roster(request.account) }
  if (!(request.op in ACTS)) return { not_applicable: `there is no op ${request.op}` }
  ACTS[request.op](request)
  return server.take()
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  let result
  try {
    result = answer(request)
  } catch (problem) {
    result = problem instanceof NotApplicable ? { not_applicable: problem.message } : { error: problem.stack }
  }
  process.stdout.write(`${JSON.stringify({ id: request.id, ...result })}\n`)
}
