import { fail } from '../../protocol/index.ts'
import type { ModelManager } from '../../serving/index.ts'

const namesShown = 20

/** The model that answers paths which name none: the one that was chosen for it, or else the only one there is. */
export const defaultModel = (models: ModelManager, chosen: string): string => {
  if (chosen !== '') return chosen
  const names = models.names()
  const [only, other] = names
  if (only === undefined) throw fail('resource_missing', { reason: 'no model is served here' })
  if (other === undefined) return only
  const shown = names.slice(0, namesShown).join(', ') + (names.length > namesShown ? ', …' : '')
  throw fail('invalid_request', {
    reason: `several models are served (${shown}): name one in the path, /api/slipway/v1/models/NAME/invocations, or choose one for paths without a name by --default-model`,
  })
}
