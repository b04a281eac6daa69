import type { FileOwnerName, ImportedExperiment, ImportedPoints, ImportOutcome } from '../../protocol/index.ts'
import { jsonNumber } from '../../protocol/index.ts'
import type { BatchName, ImportSender, OwnedFile } from './import-sender.ts'
import type { ImportSource, Point, SourceFile, SourceRecord } from './import-source.ts'
import type { ImportKind, ImportReport } from './report.ts'

/** Most records of a batch, and most characters of its JSON unless one record has more. */
const batchItems = 50
const batchCharacters = 2_000_000
/** Most points of a batch, and most files. */
const batchPoints = 5000
const batchFiles = 50

interface Flow<Record> {
  readonly name: BatchName
  readonly kind: ImportKind
  readonly owner?: FileOwnerName
  /** What a record is called in the report. */
  what(record: Record): string
  /** The record as it is sent; undefined when it can't be, which is told. */
  readonly sent?: (record: Record) => Record | undefined
  readonly done?: (record: Record, outcome: ImportOutcome) => void
}

/** Brings everything of a source to a server: what others belong to comes first, versions after their files. */
export class Importer {
  readonly #source: ImportSource
  readonly #sender: ImportSender
  readonly #report: ImportReport
  /** Ids of experiments here, by those of the source. */
  readonly #experiments = new Map<string, string>()
  /** Runs and logged models of which files are missing, with the paths of these. */
  readonly #torn = new Map<string, string[]>()

  constructor(source: ImportSource, sender: ImportSender, report: ImportReport) {
    this.#source = source
    this.#sender = sender
    this.#report = report
  }

  async run(): Promise<void> {
    await this.#flow(this.#source.experiments(), {
      name: 'import.experiments',
      kind: 'experiments',
      what: ({ name, experimentId }) => `experiment '${name}' (${experimentId})`,
      done: (experiment, outcome) => this.#mapped(experiment, outcome),
    })
    const sent = <Record extends { readonly experimentId: string }>(record: Record): Record | undefined => {
      const experimentId = this.#experiments.get(record.experimentId)
      return experimentId === undefined ? undefined : { ...record, experimentId }
    }
    await this.#flow(this.#source.runs(), {
      name: 'import.runs',
      kind: 'runs',
      owner: 'run',
      what: ({ runId }) => `run ${runId}`,
      sent,
    })
    await this.#flow(this.#source.loggedModels(), {
      name: 'import.loggedModels',
      kind: 'loggedModels',
      owner: 'model',
      what: ({ modelId }) => `logged model ${modelId}`,
      sent,
    })
    await this.#flow(this.#source.traces(), {
      name: 'import.traces',
      kind: 'traces',
      owner: 'trace',
      what: ({ traceId }) => `trace ${traceId}`,
      sent,
    })
    await this.#registered()
  }

  async #registered(): Promise<void> {
    await this.#flow(this.#source.registeredModels(), {
      name: 'import.registeredModels',
      kind: 'registeredModels',
      what: ({ name }) => `registered model '${name}'`,
    })
    await this.#flow(this.#source.versions(), {
      name: 'import.versions',
      kind: 'versions',
      what: ({ name, version }) => `version ${version} of '${name}'`,
      // Why: its files can't be added once it is there, for it is sealed.
      sent: (version) => (this.#isTorn(version.location ?? version.source ?? '') ? undefined : version),
    })
    await this.#flow(this.#source.aliases(), {
      name: 'import.aliases',
      kind: 'aliases',
      what: ({ name, alias }) => `alias '${alias}' of '${name}'`,
    })
  }

  #mapped({ experimentId, name }: ImportedExperiment, { id }: ImportOutcome): void {
    if (id === undefined) return
    this.#experiments.set(experimentId, id)
    if (id !== experimentId) this.#report.moved(name, experimentId, id)
  }

  async #flow<Record extends object>(records: AsyncIterable<SourceRecord<Record>>, flow: Flow<Record>): Promise<void> {
    let batch: SourceRecord<Record>[] = []
    let characters = 0
    const flush = async (): Promise<void> => {
      await this.#send(batch, flow)
      batch = []
      characters = 0
    }
    for await (const each of records) {
      this.#report.count(flow.kind, 'found')
      const record = flow.sent === undefined ? each.record : flow.sent(each.record)
      if (record === undefined) {
        this.#refused(flow, each.record, {
          outcome: 'refused',
          reason:
            flow.kind === 'versions' ? 'some of its files could not be imported' : 'its experiment was not imported',
        })
        continue
      }
      const size = JSON.stringify(record).length
      if (batch.length === batchItems || (batch.length > 0 && characters + size > batchCharacters)) await flush()
      batch.push({ ...each, record })
      characters += size
    }
    await flush()
  }

  async #send<Record extends object>(batch: readonly SourceRecord<Record>[], flow: Flow<Record>): Promise<void> {
    if (batch.length === 0) return
    const outcomes = await this.#sender.send(
      flow.name,
      batch.map(({ record }) => record),
    )
    const taken: [id: string, of: SourceRecord<Record>][] = []
    for (const [index, of] of batch.entries()) {
      const outcome = outcomes[index] ?? { outcome: 'refused', reason: 'the server said nothing of it' }
      flow.done?.(of.record, outcome)
      if (outcome.outcome === 'created' || outcome.outcome === 'present') this.#report.count(flow.kind, outcome.outcome)
      else this.#refused(flow, of.record, outcome)
      if (outcome.id !== undefined) taken.push([outcome.id, of])
    }
    await this.#sendPoints(taken)
    if (flow.owner === undefined) return
    await this.#sendFiles(taken, flow.owner)
  }

  #refused<Record>(flow: Flow<Record>, record: Record, { outcome, reason = '' }: ImportOutcome): void {
    const kind = outcome === 'conflict' ? 'conflict' : 'refused'
    this.#report.count(flow.kind, kind)
    this.#report.problem({ kind, what: flow.what(record), reason })
  }

  /** Sends the points of several runs, joined in batches. */
  async #sendPoints(taken: readonly (readonly [string, SourceRecord<object>])[]): Promise<void> {
    const batch = new PointBatch()
    const flush = async (): Promise<void> => {
      const items = batch.take()
      if (items.length === 0) return
      const outcomes = await this.#sender.send('import.metrics', items)
      for (const [index, item] of items.entries()) this.#countPoints(item, outcomes[index])
    }
    for (const [, { record, points }] of taken) {
      if (points === undefined) continue
      for await (const point of points()) {
        this.#report.count('points', 'found')
        if (batch.isFull(idOf(record), point.key)) await flush()
        batch.add(idOf(record), point)
      }
    }
    await flush()
  }

  #countPoints(item: ImportedPoints, outcome: (ImportOutcome & { readonly added?: number }) | undefined): void {
    const count = item.steps.length
    if (outcome?.outcome === 'created' || outcome?.outcome === 'present') {
      const added = outcome.added ?? count
      this.#report.count('points', 'created', added)
      this.#report.count('points', 'present', count - added)
      return
    }
    this.#report.count('points', 'refused', count)
    const what = `metric '${item.key}' of run ${item.runId}`
    this.#report.problem({ kind: 'refused', what, reason: outcome?.reason ?? 'the server said nothing of it' })
  }

  /** Sends the files of several records, joined in batches. */
  async #sendFiles(taken: readonly (readonly [string, SourceRecord<object>])[], owner: FileOwnerName): Promise<void> {
    let batch: OwnedFile[] = []
    const flush = async (): Promise<void> => {
      if (batch.length === 0) return
      const outcomes = await this.#sender.sendFiles(batch)
      for (const [index, file] of batch.entries()) this.#countFile(file, `${owner} ${file.id}`, outcomes[index])
      batch = []
    }
    for (const [, { record, files }] of taken) {
      if (files === undefined) continue
      const id = idOf(record)
      for await (const { content, ...file } of files()) {
        this.#report.count('files', 'found')
        if ('unreadable' in content)
          this.#countFile({ ...file, content }, `${owner} ${id}`, { outcome: 'unreadable', reason: content.unreadable })
        else batch.push({ ...file, content, owner, id })
        if (batch.length === batchFiles) await flush()
      }
    }
    await flush()
  }

  #countFile(
    file: SourceFile,
    owner: string,
    { outcome, reason = '' }: { readonly outcome: string; readonly reason?: string } = { outcome: 'refused' },
  ): void {
    if (outcome === 'present') return this.#report.count('files', 'present')
    if (outcome === 'missing') {
      this.#report.uploaded(file.bytes)
      return this.#report.count('files', 'created')
    }
    this.#report.count('files', outcome === 'conflict' ? 'conflict' : 'refused')
    const kind = outcome === 'conflict' || outcome === 'unreadable' ? outcome : 'refused'
    this.#report.problem({ kind, what: `artifact ${file.path} of ${owner}`, reason })
    this.#tear(owner, file.path)
  }

  #tear(owner: string, path: string): void {
    const paths = this.#torn.get(owner)
    if (paths === undefined) this.#torn.set(owner, [path])
    else paths.push(path)
  }

  /** Whether files are missing where a version has its own. */
  #isTorn(location: string): boolean {
    const [, run, folder = ''] = /^runs:\/+([^/]+)\/?(.*)$/.exec(location) ?? []
    const model = /^models:\/+(m-[0-9a-f]{32})$/.exec(location)?.[1]
    const paths = this.#torn.get(run === undefined ? `model ${model ?? ''}` : `run ${run}`) ?? []
    return paths.some((path) => folder === '' || path === folder || path.startsWith(`${folder}/`))
  }
}

const idOf = (record: object): string => {
  const { runId, modelId, traceId } = record as { runId?: string; modelId?: string; traceId?: string }
  return traceId ?? modelId ?? runId ?? ''
}

/** Points by run and metric, until they are sent. */
class PointBatch {
  #columns = new Map<
    string,
    { runId: string; key: string; steps: number[]; timestamps: number[]; values: ImportedPoints['values'][number][] }
  >()
  #count = 0

  /** Whether a point of this metric has no place any more. */
  isFull(runId: string, key: string): boolean {
    return this.#count >= batchPoints || (this.#columns.size >= batchItems && !this.#columns.has(`${runId}/${key}`))
  }

  add(runId: string, { key, step, timestamp, value }: Point): void {
    const name = `${runId}/${key}`
    let columns = this.#columns.get(name)
    if (columns === undefined)
      this.#columns.set(name, (columns = { runId, key, steps: [], timestamps: [], values: [] }))
    columns.steps.push(step)
    columns.timestamps.push(timestamp)
    columns.values.push(jsonNumber(value))
    this.#count += 1
  }

  take(): ImportedPoints[] {
    const items = [...this.#columns.values()]
    this.#columns = new Map()
    this.#count = 0
    return items
  }
}
