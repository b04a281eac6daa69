import { jsonReply } from '../protocol/index.ts'
import type { Route } from '../protocol/index.ts'

/** Probes as orchestrators ask them: liveness says that the process works, readiness that it takes requests. */
export const probeRoutes = (ready: () => boolean): Route[] => [
  {
    method: 'GET',
    path: '/livez',
    needs: 'server.read',
    doc: 'Whether the process works.',
    handle: () => jsonReply({ live: true }),
  },
  {
    method: 'GET',
    path: '/readyz',
    needs: 'server.read',
    doc: 'Whether the server takes requests: 503 while it starts or drains.',
    handle: () => jsonReply({ ready: ready() }, ready() ? 200 : 503),
  },
]
