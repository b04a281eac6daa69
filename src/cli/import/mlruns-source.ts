import type {
  ImportedAlias,
  ImportedExperiment,
  ImportedLoggedModel,
  ImportedRegisteredModel,
  ImportedRun,
  ImportedTrace,
  ImportedVersion,
} from '../../protocol/index.ts'
import type { ArtifactPlaces } from './artifact-places.ts'
import { isElsewhere } from './artifact-places.ts'
import type { ImportSource, SourceRecord } from './import-source.ts'
import type { MlrunsFiles } from './mlruns-files.ts'
import { MlrunsRegistry } from './mlruns-registry.ts'
import { readLoggedModel, readRun } from './mlruns-runs.ts'
import { readTrace } from './mlruns-traces.ts'
import { integerField, requireText, textField, Unusable } from './read-yaml.ts'

/** Folders of an experiment that are no runs. */
const reserved = new Set(['tags', 'datasets', 'traces', 'models'])
/** Folders at the top that are no experiments. */
const notExperiments = new Set(['.trash', 'models', 'prompts'])

/** An `mlruns` folder, as MLflow's file store writes it: experiments, runs, logged models, traces, the registry. */
export class MlrunsSource implements ImportSource {
  readonly #files: MlrunsFiles
  readonly #places: ArtifactPlaces
  readonly #registry: MlrunsRegistry

  constructor(files: MlrunsFiles, places: ArtifactPlaces) {
    this.#files = files
    this.#places = places
    this.#registry = new MlrunsRegistry(files)
  }

  async *experiments(): AsyncGenerator<SourceRecord<ImportedExperiment>> {
    for await (const path of this.#experimentFolders()) {
      const record = await this.#files.trying(`${path}/meta.yaml`, () => this.#experiment(path))
      if (record !== undefined) yield { record }
    }
  }

  async *runs(): AsyncGenerator<SourceRecord<ImportedRun>> {
    for await (const experiment of this.#experimentFolders())
      for await (const name of this.#files.folders(experiment)) {
        if (reserved.has(name)) continue
        const path = `${experiment}/${name}`
        const run = await this.#files.trying(path, () => readRun(this.#files, this.#places, path))
        if (run !== undefined) yield run
      }
  }

  async *loggedModels(): AsyncGenerator<SourceRecord<ImportedLoggedModel>> {
    for await (const path of this.#below('models')) {
      const model = await this.#files.trying(path, () => readLoggedModel(this.#files, this.#places, path))
      if (model !== undefined) yield model
    }
  }

  async *traces(): AsyncGenerator<SourceRecord<ImportedTrace>> {
    for await (const path of this.#below('traces')) {
      const trace = await this.#files.trying(path, () => readTrace(this.#files, this.#places, path))
      if (trace !== undefined) yield trace
    }
  }

  registeredModels(): AsyncIterable<SourceRecord<ImportedRegisteredModel>> {
    return this.#registry.models()
  }

  versions(): AsyncIterable<SourceRecord<ImportedVersion>> {
    return this.#registry.versions()
  }

  aliases(): AsyncIterable<SourceRecord<ImportedAlias>> {
    return this.#registry.aliases()
  }

  [Symbol.dispose](): void {
    // Files are closed as soon as they are read.
  }

  /** Active experiments, then deleted ones. */
  async *#experimentFolders(): AsyncGenerator<string> {
    for await (const name of this.#files.folders('')) if (!notExperiments.has(name)) yield name
    for await (const name of this.#files.folders('.trash')) yield `.trash/${name}`
  }

  async *#below(kind: 'models' | 'traces'): AsyncGenerator<string> {
    for await (const experiment of this.#experimentFolders())
      for await (const name of this.#files.folders(`${experiment}/${kind}`)) yield `${experiment}/${kind}/${name}`
  }

  async #experiment(path: string): Promise<ImportedExperiment> {
    const meta = await this.#files.yaml(`${path}/meta.yaml`)
    const experimentId = requireText(meta, 'experiment_id')
    if (path.split('/').at(-1) !== experimentId) throw new Unusable(`it names another experiment, '${experimentId}'`)
    const location = textField(meta, 'artifact_location')
    return {
      experimentId,
      name: requireText(meta, 'name'),
      lifecycleStage: path.startsWith('.trash/') ? 'deleted' : 'active',
      creationTime: integerField(meta, 'creation_time'),
      lastUpdateTime: integerField(meta, 'last_update_time'),
      artifactLocation: location !== undefined && isElsewhere(location) ? location : undefined,
      tags: await this.#files.pairs(`${path}/tags`),
    }
  }
}
