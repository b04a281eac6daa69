import { didYouMean } from '../../lib/index.ts'
import type { EndpointView, RegisteredModelView } from '../../protocol/index.ts'
import { soleActionCommand } from '../action-command.ts'
import type { Command, Flag } from '../command.ts'
import { Refusal, UsageError } from '../command.ts'
import { reasonOf } from '../promotion-actions.ts'
import { showingLoads } from '../show-loading.ts'
import { requireServed } from '../whether-served.ts'

const flags: readonly Flag[] = [
  { name: 'to', value: 'ALIAS', doc: 'the alias that moves to the version', default: 'champion' },
  { name: 'reason', value: 'TEXT', doc: 'why; kept in the history' },
]

/** Says that an alias is new where others are, since it may be one of them mistyped. */
const newAliasText = (name: string, alias: string, others: RegisteredModelView['aliases']): string => {
  const known = others.map((other) => other.alias)
  if (known.length === 0 || known.includes(alias)) return ''
  const listed = known.slice(0, aliasesNamed).map((other) => `@${other}`)
  const more = known.length > aliasesNamed ? ` and ${known.length - aliasesNamed} more` : ''
  return `@${alias} is a new alias of ${name}, beside ${listed.join(', ')}${more}${didYouMean(alias, known)}\n`
}

/** Aliases that are named beside a new one. */
const aliasesNamed = 5

/** Says of an endpoint, taken for a model, which model it follows. */
const isEndpoint = ({ name, model, reference }: EndpointView, version: string): Refusal => {
  const alias = /@([^@]+)$/.exec(reference)?.[1]
  const how = alias === undefined || model === undefined ? '' : `; slipway promote ${model} ${version} --to ${alias}`
  return new Refusal(`'${name}' is an endpoint that follows ${reference}${how}`, 'resource_missing')
}

/** Moves an alias, and with it the endpoints that follow it. */
export const promote: Command = soleActionCommand(
  {
    form: 'promote MODEL VERSION',
    doc: 'moves an alias to a version; endpoints that follow it serve the version once it is loaded and checked',
    async run({ api, client, json, err, text, words: [name = '', version = ''] }) {
      if (!/^\d+$/.test(version)) throw new UsageError(`'${version}' is not the number of a version`)
      const alias = text('to') ?? 'champion'
      const { items } = await api.endpoints.list({})
      const { aliases } = await api.registeredModels.get({ name }).catch((error: unknown) => {
        const endpoint = items.find((each) => each.name === name)
        throw endpoint === undefined ? error : isEndpoint(endpoint, version)
      })
      const followers = items.filter(({ model, reference }) => model === name && reference.endsWith(`@${alias}`))
      const names = followers.map((endpoint) => endpoint.name)
      const done = `@${alias} of ${name} is version ${version}`
      const move = async () => {
        const moved = await api.registeredModels.setAlias({ name, alias, version, ...reasonOf(text('reason')) })
        await requireServed(client, names, { version: String(Number(version)), done })
        return moved
      }
      const value = await (json ? move() : showingLoads(client, names, { work: move, err }))
      const served = followers.map((endpoint) => `; ${endpoint.name} serves it`).join('')
      err(newAliasText(name, alias, aliases))
      return { value, text: `${done}${served}\n` }
    },
  },
  {
    flags,
    examples: ['slipway promote fraud 3', 'slipway promote fraud 3 --to challenger --reason "better recall"'],
  },
)
