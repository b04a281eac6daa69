import { AppError, fail } from '../../../protocol/index.ts'
import type { Actor, Registry, Tag } from '../../../registry/index.ts'
import { promptTag } from '../../../registry/index.ts'

/** Whether a tag says that a registered model, or a version, is a prompt. */
export const isPromptTag = ({ key, value }: Tag): boolean => key === promptTag && value === 'true'

/** Makes a registered model, or prompt, where it isn't there. Fails when the name is one of the other kind. */
export const ensureModel = async (
  registry: Registry,
  name: string,
  { isPrompt }: { readonly isPrompt: boolean },
  actor: Actor,
): Promise<void> => {
  const tags = isPrompt ? [{ key: promptTag, value: 'true' }] : []
  try {
    await registry.models.create(name, { tags }, actor)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'resource_exists') throw error
    const model = await registry.models.require(name)
    if (model.tags.some(isPromptTag) !== isPrompt)
      throw fail('invalid_request', { reason: `'${name}' is a ${isPrompt ? 'registered model' : 'prompt'} already` })
  }
}
