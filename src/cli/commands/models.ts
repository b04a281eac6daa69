import type { ModelView, VersionView } from '../../api/index.ts'
import { SlipwayClient } from '../../client/index.ts'
import { didYouMean } from '../../lib/index.ts'
import { apiRoot } from '../../protocol/index.ts'
import type { ClientArgs } from '../client-options.ts'
import { clientArgs, commonFlags } from '../client-options.ts'
import type { Command, CommandContext } from '../command.ts'
import { Refusal, UsageError } from '../command.ts'
import type { Shown } from '../action-command.ts'
import { actionWords, asking, runAction } from '../action-command.ts'
import { bytesText } from '../format.ts'
import { printable } from '../printable.ts'
import { showingLoads } from '../show-loading.ts'
import { registeredModelActions, registeredModelFlags, showRegistered } from '../registered-model-actions.ts'
import { table } from '../table.ts'

const actions = ['ls', 'show', 'load', 'unload', 'rm']
const registeredActionNames = registeredModelActions.map(({ form }) => form.split(' ')[0] ?? '')
const allActions = [...actions, ...registeredActionNames]
const flags = [...registeredModelFlags, ...commonFlags]

/** Lists and steers the models of a server. */
export const models: Command = {
  usage: ['ls | show NAME | load NAME | unload NAME | rm NAME', ...registeredModelActions.map(({ form }) => form)].join(
    ' | ',
  ),
  words: [
    ['ls', 'every model and version with its state, and why it is in it'],
    ['show NAME', 'one model: inputs, outputs, configuration, memory; of one that is only registered its versions'],
    ['load NAME', 'load or reload a model; the versions that serve go on until the new ones are ready'],
    ['unload NAME', 'take a model out of service'],
    ['rm NAME', 'take a deployed model out of service and delete its files'],
    ...actionWords(registeredModelActions),
  ],
  flags,
  examples: [
    'slipway models ls',
    'slipway models show fraud --json',
    'slipway models register fraud runs:/0f3a…/model',
    'slipway models alias fraud champion 3 --reason "better recall"',
    'slipway models alias-at fraud champion 2026-11-24T10:31',
    'slipway models audit fraud --from 2026-11-01 --json',
    'slipway models stages fraud 3',
    'slipway models approve fraud 3 --reason "looked at it"',
    'slipway models withdraw fraud 3',
    'slipway models decisions fraud 3',
    'slipway models signature fraud 3 --json',
    'slipway models tag fraud team risk',
    'slipway models untag fraud team',
    'slipway models rename fraud cards',
    'slipway models copy fraud 3 fraud-prod',
    'slipway models unpolicy fraud --reason "an experiment"',
    'slipway models describe fraud "trained on the second quarter" 3',
  ],
  async run(context) {
    const args = clientArgs(context, flags)
    const [what = 'ls', name, ...others] = args.positionals
    if (registeredActionNames.includes(what)) return runAction(context, args, registeredModelActions)
    if (others.length > 0) throw new UsageError(`unexpected '${others[0] ?? ''}'`)
    if (what === 'ls') {
      if (name !== undefined) throw new UsageError(`unexpected '${name}'`)
      return list(context, args)
    }
    if (!actions.includes(what))
      throw new UsageError(`'${what}' is not one of ${allActions.join(', ')}${didYouMean(what, allActions)}`)
    if (name === undefined) throw new UsageError('the name of the model is missing')
    const path = `${apiRoot}/models/${encodeURIComponent(name)}`
    const repository = `/v2/repository/models/${encodeURIComponent(name)}`
    switch (what) {
      case 'load':
        await loading(context, args, { name, path: `${repository}/load` })
        break
      case 'unload':
        await args.client.json({ method: 'POST', path: `${repository}/unload` })
        break
      case 'rm':
        await args.client.json({ method: 'DELETE', path })
        context.out(args.json ? `${JSON.stringify({ removed: name })}\n` : `${name} is removed\n`)
        return 0
      default:
    }
    const show = async (): Promise<Shown> => {
      const value = await args.client.json<ModelView>({ method: 'GET', path })
      return { value, text: modelText(value) }
    }
    const { value, text } = await (what === 'show' ? show().catch(orRegistered(args, name)) : show())
    context.out(printable(args.json ? `${JSON.stringify(value)}\n` : text))
    return 0
  },
}

const loading = (
  context: CommandContext,
  { client, json }: ClientArgs,
  { name, path }: { readonly name: string; readonly path: string },
): Promise<unknown> => {
  const work = (): Promise<unknown> => client.json({ method: 'POST', path })
  return json ? work() : showingLoads(client, [name], { work, err: context.err })
}

/** Shows the registered model of a name that nothing is served by. */
const orRegistered =
  ({ client: { url, key } }: ClientArgs, name: string) =>
  async (error: unknown): Promise<Shown> => {
    if (!(error instanceof Refusal) || error.code !== 'model_not_found') throw error
    const api = new SlipwayClient({ url: url.href, ...(key === undefined ? {} : { key }) })
    return asking(url, () => showRegistered(api, name)).catch((missing: unknown) => {
      if (!(missing instanceof Refusal) || missing.code !== 'resource_missing') throw missing
      throw new Refusal(
        `no model '${name}' is served, and none is registered; slipway models ls and slipway models registered list them`,
        error.code,
      )
    })
  }

const list = async (context: CommandContext, args: ClientArgs): Promise<number> => {
  const answer = await args.client.json<{ models: ModelView[] }>({ method: 'GET', path: `${apiRoot}/models` })
  if (args.json) {
    context.out(printable(`${JSON.stringify(answer)}\n`))
    return 0
  }
  const rows = answer.models.flatMap((model) =>
    model.versions.length === 0
      ? [[model.name, '', 'unavailable', '', '', '', model.problem]]
      : model.versions.map((version) => [
          model.name,
          version.version,
          version.state,
          version.engine,
          version.state === 'ready' ? bytesText(version.memoryBytes) : '',
          version.state === 'ready' ? String(version.queueDepth) : '',
          version.reason ||
            (version.lastCrash === '' ? '' : `last crash: ${version.lastCrash}`) ||
            model.problem ||
            (version.state === 'ready' && version.version !== model.answers ? 'answers to its number' : ''),
        ]),
  )
  context.out(
    rows.length === 0
      ? 'no models; slipway deploy FILE --name NAME adds one\n'
      : table(['model', 'version', 'state', 'engine', 'memory', 'waiting', 'why'], rows),
  )
  return 0
}

const tensorText = (tensor: unknown): string => {
  const { name, datatype, shape } = tensor as { name: string; datatype: string; shape: number[] }
  return `    ${name}  ${datatype} [${shape.join(', ')}]`
}

const tensorsText = (what: string, tensors: readonly unknown[]): string[] =>
  tensors.length === 0 ? [`  ${what}: not declared`] : [`  ${what}`, ...tensors.map(tensorText)]

/** A signature of MLflow has kilobytes, and says again what the inputs say. */
const metadataCharactersMax = 400

const shortened = (text: string): string =>
  text.length > metadataCharactersMax ? `${text.slice(0, metadataCharactersMax)}… (--json has all of it)` : text

/** The fields of a configuration that say something. */
const configText = (config: unknown): string[] =>
  Object.entries((config ?? {}) as Record<string, unknown>)
    .filter(([name, value]) => shownFields.includes(name) && JSON.stringify(value) !== '{}')
    .map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`)

/** Those that inputs, outputs and the other lines don't tell; --json has every field. */
const shownFields = ['max_batch_size', 'dynamic_batching', 'instance_group', 'version_policy', 'parameters']

const versionText = (version: VersionView): string => {
  const why = version.reason === '' ? '' : `: ${version.reason}`
  const lines = [`version ${version.version}  ${version.state}${why}`]
  if (version.lastCrash !== '') lines.push(`  last crash: ${version.lastCrash}`)
  // Of a quarantined version it is known as well, and what was wrong may show in it.
  if (version.engine !== '') {
    lines.push(
      `  ${version.engine} on ${version.runtime}, ${version.instances} instance(s), ${bytesText(version.memoryBytes)}, loaded in ${version.loadMs} ms${version.graphCached ? ' from a kept graph' : ''}`,
      ...tensorsText('inputs', version.inputs),
      ...tensorsText('outputs', version.outputs),
      ...configText(version.config),
      ...Object.entries(version.metadata).map(([key, value]) => `  ${key}: ${shortened(value)}`),
    )
  }
  return lines.join('\n')
}

const modelText = (model: ModelView): string =>
  `${[`${model.name}${model.problem === '' ? '' : `  ${model.problem}`}`, ...model.versions.map(versionText)].join('\n')}\n`
