import type { RegistryInput } from '../../../protocol/index.ts'
import type { Handlers } from './handler.ts'
import { pageItems } from './handler.ts'
import { pageView } from './registry-views.ts'

const monthMs = 30 * 86_400_000
const hourMs = 3_600_000

type Input = RegistryInput<'garbage.plan'>

/** What is named goes however short ago it was deleted, unless the caller says otherwise. */
const queryOf = ({ blobAgeMs = hourMs, limit = pageItems, ...input }: Input) => {
  const { runIds = [], loggedModelIds = [], experimentIds = [] } = input
  const isNamed = runIds.length + loggedModelIds.length + experimentIds.length > 0
  return { olderThanMs: isNamed ? 0 : monthMs, ...input, blobAgeMs, limit }
}

export const garbageHandlers: Handlers<'garbage'> = {
  async 'garbage.plan'(input, { registry, actor }) {
    const page = await registry.garbage.page({ ...queryOf(input), remove: false, actor })
    return { ...pageView(page, (item) => item), blobsInUse: page.blobsInUse }
  },
  async 'garbage.collect'(input, { registry, actor }) {
    const page = await registry.garbage.page({ ...queryOf(input), remove: true, actor })
    return { ...pageView(page, (item) => item), blobsInUse: page.blobsInUse }
  },
}
