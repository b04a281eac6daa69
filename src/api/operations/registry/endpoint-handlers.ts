import type { EndpointView } from '../../../protocol/index.ts'
import type { Endpoint } from '../../../registry/index.ts'
import type { Handlers } from './handler.ts'

const endpointView = ({ name, reference, model, version, createdBy, createdTime }: Endpoint): EndpointView => ({
  name,
  reference,
  ...(model !== undefined && { model }),
  ...(version !== undefined && { version }),
  createdBy,
  createdTime,
})

export const endpointHandlers: Handlers<'endpoints'> = {
  'endpoints.list': async (_, { registry }) => ({ items: (await registry.endpoints.list()).map(endpointView) }),
  'endpoints.get': async ({ name }, { registry }) => endpointView(await registry.endpoints.require(name)),
  'endpoints.put': async ({ name, reference, wait = true }, { registry, actor }) =>
    endpointView(await registry.endpoints.put(name, reference, { wait }, actor)),
  async 'endpoints.delete'({ name }, { registry, actor }) {
    await registry.endpoints.delete(name, actor)
    return {}
  },
  'endpoints.rollback': async ({ name, version }, { registry, actor }) =>
    endpointView(await registry.endpoints.rollback(name, version, actor)),
  'endpoints.history': async ({ name }, { registry }) => ({ items: await registry.endpoints.historyOf(name) }),
  'endpoints.refusals': async ({ name }, { registry }) => ({ items: await registry.endpoints.refusalsOf(name) }),
}
