import type { ExperimentView } from '../../protocol/index.ts'
import type { Action, ActionArgs } from '../action-command.ts'
import { actionCommand } from '../action-command.ts'
import type { Command } from '../command.ts'
import { Refusal } from '../command.ts'
import { deletedFlag, listedView, listingFlags, listingQuery, listRows, tagsText, timeText } from '../listing.ts'
import { printableLine } from '../printable.ts'
import { table } from '../table.ts'

/** An experiment by its id or its name. */
export const experimentOf = async ({ api }: ActionArgs, idOrName: string): Promise<ExperimentView> => {
  const view = 'all'
  const filter = `name = '${idOrName.replaceAll("'", "''")}'`
  const named = idOrName.includes("'") ? { items: [] } : await api.experiments.search({ filter, view, limit: 1 })
  const [found] = named.items
  if (found !== undefined) return found
  if (/^\d{1,15}$/.test(idOrName)) return api.experiments.get({ experimentId: idOrName })
  throw new Refusal(`there is no experiment '${idOrName}'; slipway experiments ls lists them`, 'resource_missing')
}

const experimentText = (experiment: ExperimentView): string =>
  `${[
    `${printableLine(experiment.name)}  (${experiment.experimentId}, ${experiment.lifecycleStage})`,
    `  artifacts  ${experiment.artifactLocation}`,
    `  created    ${timeText(experiment.creationTime)}`,
    ...experiment.tags.map(({ key, value }) => `  ${printableLine(key)}: ${printableLine(value)}`),
  ].join('\n')}\n`

const actions: readonly Action[] = [
  {
    form: 'ls',
    doc: 'experiments, the newest first',
    async run(args) {
      const items = await listRows(args, 'experiments.search', { ...listingQuery(args), ...listedView(args) })
      const rows = items.map((each) => [each.experimentId, each.name, timeText(each.creationTime), tagsText(each.tags)])
      return { value: items, text: table(['id', 'name', 'created', 'tags'], rows) }
    },
  },
  {
    form: 'show EXPERIMENT',
    doc: 'one experiment, by id or name',
    async run(args) {
      const value = await experimentOf(args, args.words[0] ?? '')
      return { value, text: experimentText(value) }
    },
  },
  {
    form: 'create NAME',
    doc: 'a new experiment',
    async run({ api, words }) {
      const value = await api.experiments.create({ name: words[0] ?? '' })
      return { value, text: `experiment ${value.experimentId} is created\n` }
    },
  },
  {
    form: 'rename EXPERIMENT NAME',
    doc: 'give an experiment another name',
    async run(args) {
      const { experimentId } = await experimentOf(args, args.words[0] ?? '')
      const value = await args.api.experiments.rename({ experimentId, name: args.words[1] ?? '' })
      return { value, text: `experiment ${experimentId} is now ${value.name}\n` }
    },
  },
  {
    form: 'rm EXPERIMENT',
    doc: 'delete an experiment with its runs; they can be restored',
    async run(args) {
      const { experimentId } = await experimentOf(args, args.words[0] ?? '')
      await args.api.experiments.delete({ experimentId })
      return { value: { deleted: experimentId }, text: `experiment ${experimentId} is deleted\n` }
    },
  },
  {
    form: 'restore EXPERIMENT',
    doc: 'bring a deleted experiment back',
    async run(args) {
      const { experimentId } = await experimentOf(args, args.words[0] ?? '')
      await args.api.experiments.restore({ experimentId })
      return { value: { restored: experimentId }, text: `experiment ${experimentId} is restored\n` }
    },
  },
  {
    form: 'tag EXPERIMENT KEY VALUE',
    doc: 'set a tag of an experiment',
    async run(args) {
      const [given = '', key = '', value = ''] = args.words
      const { experimentId } = await experimentOf(args, given)
      await args.api.experiments.setTag({ experimentId, key, value })
      return { value: { key, value }, text: `experiment ${experimentId} has ${key}=${value}\n` }
    },
  },
  {
    form: 'untag EXPERIMENT KEY',
    doc: 'delete a tag of an experiment',
    async run(args) {
      const [given = '', key = ''] = args.words
      const { experimentId } = await experimentOf(args, given)
      await args.api.experiments.deleteTag({ experimentId, key })
      return { value: { deleted: key }, text: `experiment ${experimentId} has no ${key} any more\n` }
    },
  },
]

/** Experiments of the registry. */
export const experiments: Command = actionCommand(actions, {
  flags: [...listingFlags, deletedFlag],
  examples: [
    'slipway experiments ls',
    'slipway experiments ls --deleted',
    'slipway experiments show fraud --json',
    'slipway experiments create fraud',
    'slipway experiments tag fraud team risk',
  ],
})
