import type { PromptTypeName, PromptVersionView, PromptView } from '../../../protocol/index.ts'
import { fail } from '../../../protocol/index.ts'
import type { ModelVersion, RegisteredModel, Registry } from '../../../registry/index.ts'
import { promptTag } from '../../../registry/index.ts'
import { ensureModel, isPromptTag } from './ensure-model.ts'
import type { Handlers } from './handler.ts'
import { pageItems } from './handler.ts'
import { pageView } from './registry-views.ts'

/** Tags in which MLflow's clients keep what a prompt says. */
const textTag = 'mlflow.prompt.text'
const typeTag = '_mlflow_prompt_type'
const ownTags: ReadonlySet<string> = new Set([promptTag, textTag, typeTag])
/** What MLflow gives as the source of a prompt: it has no files. */
const noSource = 'prompt-template'

const newestOf = ({ latestVersions }: RegisteredModel): number | undefined =>
  latestVersions.length === 0 ? undefined : Math.max(...latestVersions.map(({ version }) => version))

const promptView = (model: RegisteredModel): PromptView => ({
  name: model.name,
  description: model.description,
  creationTime: model.creationTime,
  lastUpdatedTime: model.lastUpdatedTime,
  tags: model.tags.filter(({ key }) => !ownTags.has(key)),
  aliases: model.aliases,
  latestVersion: newestOf(model),
})

const promptVersionView = (version: ModelVersion): PromptVersionView => {
  const tag = (name: string): string | undefined => version.tags.find(({ key }) => key === name)?.value
  const type: PromptTypeName = tag(typeTag) === 'chat' ? 'chat' : 'text'
  return {
    name: version.name,
    version: version.version,
    template: tag(textTag) ?? '',
    type,
    description: version.description,
    userId: version.userId,
    creationTime: version.creationTime,
    tags: version.tags.filter(({ key }) => !ownTags.has(key)),
    aliases: version.aliases,
  }
}

/** Messages of a chat, as MLflow's clients read them. */
const requireMessages = (template: string): void => {
  const isMessage = (each: unknown): boolean =>
    typeof each === 'object' && each !== null && 'role' in each && typeof each.role === 'string' && 'content' in each
  try {
    const messages: unknown = JSON.parse(template)
    if (Array.isArray(messages) && messages.length > 0 && messages.every(isMessage)) return
  } catch {
    // What isn't JSON is refused like what has another form.
  }
  throw fail('invalid_request', { reason: '\'template\' of a chat must be JSON: [{"role": …, "content": …}, …]' })
}

const versionMeant = async (
  registry: Registry,
  name: string,
  { version, alias }: { readonly version?: string; readonly alias?: string },
): Promise<ModelVersion> => {
  if (version !== undefined && alias !== undefined)
    throw fail('invalid_request', { reason: "only one of 'version' and 'alias' can be given" })
  if (alias !== undefined) return registry.models.versionByAlias(name, alias)
  if (version !== undefined) return registry.versions.require(name, version)
  const newest = newestOf(await registry.models.require(name))
  if (newest === undefined) throw fail('resource_missing', { reason: `the prompt '${name}' has no version` })
  return registry.versions.require(name, String(newest))
}

export const promptHandlers: Handlers<'prompts'> = {
  async 'prompts.search'({ filter = '', limit = pageItems, ...query }, { registry }) {
    const prompts = `tags.\`${promptTag}\` = 'true'`
    const both = filter.trim() === '' ? prompts : `(${filter}) AND ${prompts}`
    const page = await registry.models.search({ ...query, filter: both, limit })
    // Why again: parentheses of the filter that close too early end the condition on prompts with them.
    return pageView({ ...page, items: page.items.filter(({ tags }) => tags.some(isPromptTag)) }, promptView)
  },
  async 'prompts.register'({ name, template, type = 'text', description = '', tags = [] }, { registry, actor }) {
    if (type === 'chat') requireMessages(template)
    const own = tags.find(({ key }) => ownTags.has(key))
    if (own !== undefined) throw fail('invalid_request', { reason: `the tag '${own.key}' is the server's` })
    await ensureModel(registry, name, { isPrompt: true }, actor)
    const version = {
      name,
      source: noSource,
      runId: '',
      runLink: '',
      modelId: '',
      description,
      tags: [
        { key: promptTag, value: 'true' },
        { key: textTag, value: template },
        { key: typeTag, value: type },
        ...tags,
      ],
    }
    return promptVersionView(await registry.versions.create(version, actor))
  },
  async 'prompts.load'({ name, ...which }, { registry }) {
    const found = await versionMeant(registry, name, which)
    if (!found.tags.some(isPromptTag))
      throw fail('invalid_request', { reason: `'${name}' is a registered model, no prompt` })
    return promptVersionView(found)
  },
}
