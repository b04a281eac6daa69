import { didYouMean } from '../../../lib/index.ts'
import { fail } from '../../../protocol/index.ts'
import type { EventKind } from '../../../registry/index.ts'
import { eventKinds } from '../../../registry/index.ts'
import type { Handlers } from './handler.ts'
import { pageItems } from './handler.ts'
import { pageView } from './registry-views.ts'

const depthDefault = 5

const kindOf = (kind: string): EventKind => {
  const found = eventKinds.find((each) => each === kind)
  if (found !== undefined) return found
  throw fail('invalid_request', {
    reason: `'${kind.slice(0, 100)}' is no kind of event${didYouMean(kind, eventKinds)}`,
  })
}

export const lineageHandlers: Handlers<'lineage'> = {
  'lineage.graph': ({ kind, id, direction = 'both', depth = depthDefault }, { registry }) =>
    registry.lineage.graph({ kind, id, direction, depthMax: depth }),
}

export const auditHandlers: Handlers<'audit'> = {
  async 'audit.search'({ model, kind, limit = pageItems, ...query }, { registry }) {
    const page = await registry.audit.search({
      ...query,
      limit,
      ...(model === undefined ? {} : { subject: { type: 'model', name: model } as const }),
      ...(kind === undefined ? {} : { kind: kindOf(kind) }),
    })
    return pageView(page, (event) => event)
  },
}
