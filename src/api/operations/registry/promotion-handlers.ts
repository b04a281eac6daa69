import { fail } from '../../../protocol/index.ts'
import type { Handlers } from './handler.ts'

export const promotionHandlers: Handlers<'promotion'> = {
  'promotion.setPolicy': ({ name, policy }, { registry, actor }) => registry.promotion.setPolicy(name, policy, actor),
  async 'promotion.policy'({ name }, { registry }) {
    const policy = await registry.promotion.getPolicy(name)
    return policy === undefined ? {} : { policy }
  },
  async 'promotion.deletePolicy'({ name }, { registry, actor }) {
    await registry.promotion.deletePolicy(name, actor)
    return {}
  },
  'promotion.approve': ({ name, version }, { registry, actor }) => registry.promotion.approve(name, version, actor),
  'promotion.reject': ({ name, version }, { registry, actor }) => registry.promotion.reject(name, version, actor),
  async 'promotion.withdraw'({ name, version }, { registry, actor }) {
    await registry.promotion.withdraw(name, version, actor)
    return {}
  },
  async 'promotion.decisions'({ name, version }, { registry }) {
    return { items: await registry.promotion.decisions(name, version) }
  },
  'promotion.check'({ name, version, alias, stage }, { registry }) {
    if (alias !== undefined && stage === undefined) return registry.promotion.check(name, version, { alias })
    if (stage !== undefined && alias === undefined) return registry.promotion.check(name, version, { stage })
    throw fail('invalid_request', { reason: "one of 'alias' and 'stage' is needed" })
  },
}
