import { didYouMean } from '../../lib/index.ts'
import type { MetricView, RunView } from '../../protocol/index.ts'
import type { Action } from '../action-command.ts'
import { actionCommand } from '../action-command.ts'
import type { Command } from '../command.ts'
import { Refusal } from '../command.ts'
import { bytesText } from '../format.ts'
import {
  deletedFlag,
  listedView,
  listingFlags,
  listingQuery,
  listRows,
  metricText,
  tagsText,
  timeText,
} from '../listing.ts'
import { printableLine } from '../printable.ts'
import { sparkline } from '../sparkline.ts'
import { table } from '../table.ts'
import { experimentOf } from './experiments.ts'

/** Metrics that a listing has columns for. */
const metricColumns = 5

const runTable = (runs: readonly RunView[]): string => {
  const keys = [...new Set(runs.flatMap(({ metrics }) => metrics.map(({ key }) => key)))].slice(0, metricColumns)
  const rows = runs.map((run) => [
    run.runId,
    run.name,
    run.status.toLowerCase(),
    timeText(run.startTime),
    ...keys.map((key) => {
      const metric = run.metrics.find((each) => each.key === key)
      return metric === undefined ? '' : metricText(metric.value)
    }),
    tagsText(run.tags),
  ])
  return table(['run', 'name', 'status', 'started', ...keys, 'tags'], rows)
}

/** Clients needn't say when a run began, and those that go on have no end. */
const timesText = ({ startTime, endTime }: RunView): string =>
  [
    startTime === undefined ? 'start not told' : `started ${timeText(startTime)}`,
    endTime === undefined ? 'not ended' : `ended ${timeText(endTime)}`,
  ].join(', ')

const runText = (run: RunView): string => {
  const pairs = (title: string, items: readonly (readonly [string, string])[]): string[] =>
    items.length === 0
      ? []
      : [`  ${title}`, ...items.map(([key, value]) => `    ${printableLine(key)}: ${printableLine(value)}`)]
  return `${[
    `${printableLine(run.name)}  (${run.runId}, ${run.status.toLowerCase()}, ${run.lifecycleStage})`,
    `  experiment ${run.experimentId}, ${timesText(run)}`,
    ...pairs(
      'metrics',
      run.metrics.map(({ key, value, step }) => [key, `${metricText(value)} at step ${step}`]),
    ),
    ...pairs(
      'params',
      run.params.map(({ key, value }) => [key, value]),
    ),
    ...pairs(
      'tags',
      run.tags.map(({ key, value }) => [key, value]),
    ),
    ...pairs(
      'data sets',
      run.datasets.map(({ name, digest }) => [name, digest]),
    ),
  ].join('\n')}\n`
}

const historyText = (key: string, points: readonly MetricView[]): string => {
  const rows = points.map(({ step, value, timestamp }) => [String(step), metricText(value), timeText(timestamp)])
  return `${key}  ${sparkline(points.map(({ value }) => Number(value)))}\n${table(['step', 'value', 'time'], rows)}`
}

/** Metrics that are named beside one that isn't there. */
const metricsNamed = 10

const noMetric = (run: RunView, key: string): Refusal => {
  const keys = run.metrics.map((metric) => metric.key)
  const more = keys.length > metricsNamed ? ` and ${keys.length - metricsNamed} more` : ''
  const has = keys.length === 0 ? 'it has none' : `it has ${keys.slice(0, metricsNamed).join(', ')}${more}`
  return new Refusal(`run ${run.runId} has no metric '${key}'; ${has}${didYouMean(key, keys)}`, 'resource_missing')
}

const actions: readonly Action[] = [
  {
    form: 'ls EXPERIMENT',
    doc: 'runs of an experiment, the newest first',
    async run(args) {
      const { experimentId } = await experimentOf(args, args.words[0] ?? '')
      const query = { ...listingQuery(args), ...listedView(args), experimentIds: [experimentId] }
      const value = await listRows(args, 'runs.search', query)
      return { value, text: runTable(value) }
    },
  },
  {
    form: 'show RUN',
    doc: 'one run: metrics, params, tags, data sets',
    async run({ api, words }) {
      const value = await api.runs.get({ runId: words[0] ?? '' })
      return { value, text: runText(value) }
    },
  },
  {
    form: 'history RUN METRIC',
    doc: 'every value of a metric, with its curve',
    async run(args) {
      const [runId = '', key = ''] = args.words
      const value = await listRows(args, 'runs.history', { runId, key })
      if (value.length === 0) throw noMetric(await args.api.runs.get({ runId }), key)
      return { value, text: historyText(key, value) }
    },
  },
  {
    form: 'artifacts RUN [FOLDER]',
    doc: "a folder of the run's artifacts",
    async run({ api, words: [runId = '', path = ''] }) {
      const { items } = await api.runs.artifacts({ runId, path })
      if (items.length === 0 && path !== '')
        throw new Refusal(`run ${runId} has no folder '${path}' of artifacts`, 'resource_missing')
      const rows = items.map((item) => [
        item.isFolder ? `${item.path}/` : item.path,
        item.bytes === undefined ? '' : bytesText(item.bytes),
      ])
      return { value: items, text: table(['path', 'size'], rows) }
    },
  },
  {
    form: 'rm RUN',
    doc: 'delete a run; it can be restored',
    async run({ api, words: [runId = ''] }) {
      await api.runs.delete({ runId })
      return { value: { deleted: runId }, text: `run ${runId} is deleted\n` }
    },
  },
  {
    form: 'restore RUN',
    doc: 'bring a deleted run back',
    async run({ api, words: [runId = ''] }) {
      await api.runs.restore({ runId })
      return { value: { restored: runId }, text: `run ${runId} is restored\n` }
    },
  },
  {
    form: 'rename RUN NAME',
    doc: 'give a run another name',
    async run({ api, words: [runId = '', given = ''] }) {
      const value = await api.runs.update({ runId, name: given })
      return { value, text: `run ${runId} is now ${value.name}\n` }
    },
  },
  {
    form: 'tag RUN KEY VALUE',
    doc: 'set a tag of a run',
    async run({ api, words: [runId = '', key = '', value = ''] }) {
      await api.runs.setTag({ runId, key, value })
      return { value: { key, value }, text: `run ${runId} has ${key}=${value}\n` }
    },
  },
  {
    form: 'untag RUN KEY',
    doc: 'delete a tag of a run',
    async run({ api, words: [runId = '', key = ''] }) {
      await api.runs.deleteTag({ runId, key })
      return { value: { deleted: key }, text: `run ${runId} has no ${key} any more\n` }
    },
  },
]

/** Runs of the registry. */
export const runs: Command = actionCommand(actions, {
  flags: [...listingFlags, deletedFlag],
  examples: [
    'slipway runs ls fraud --filter "metrics.auc > 0.9 OR tags.keep = \'yes\'" --order-by "metrics.auc DESC"',
    'slipway runs ls fraud --deleted',
    'slipway runs history 0f3a… loss',
    'slipway runs tag 0f3a… keep yes',
    'slipway runs show 0f3a… --json',
  ],
})
