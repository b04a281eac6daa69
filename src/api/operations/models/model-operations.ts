import { fail } from '../../../protocol/index.ts'
import type { Exchange, Operation } from '../../../protocol/index.ts'
import { isModelName } from '../../../serving/index.ts'
import type { Serving } from '../../../serving/index.ts'
import { modelSchema, modelView } from './model-view.ts'
import type { ModelView } from './model-view.ts'

/** A version's file, aside until it becomes a version. */
export interface StagedVersion {
  /** Makes it the next version, which appears whole; answers its number. */
  add(): Promise<number>
  /** Removes what did not become a version. */
  drop(): Promise<void>
}

/** Keeps deployed model files; the part of the server that owns the data directory provides it. */
export interface DeployStore {
  /** Writes a file aside, or those of an archive. Throws storage_full, or conflict when the model is kept elsewhere. */
  stage(model: string, file: string, bytes: AsyncIterable<Uint8Array>): Promise<StagedVersion>
  /** Takes a version back that turned out not to load, and the model's folder with its only one. */
  removeVersion(model: string, version: number): Promise<void>
  /** Removes everything deployed for a model. Throws conflict when the model is kept elsewhere. */
  remove(model: string): Promise<void>
}

export interface ModelOperationsDeps {
  readonly serving: Serving
  readonly deploys: DeployStore
}

/** File names that the engines look for in a version's folder. */
const deployFiles = ['model.onnx', 'model.ts', 'model.mjs', 'model.js', 'model.py', 'model.echo.json']

/** Name of an archive of a whole folder, which is unpacked. */
export const folderArchive = 'model.tar'

/** Operations on models: what `slipway models` and `slipway deploy` call. */
export const modelOperations = (deps: ModelOperationsDeps): Operation[] => [
  {
    name: 'models.list',
    method: 'GET',
    path: '/models',
    needs: 'model.read',
    doc: 'Every model with its versions, states and reasons.',
    output: { type: 'object', properties: { models: { type: 'array', items: modelSchema } } },
    run: () => ({ models: deps.serving.models.status().map((status) => modelView(status, deps.serving)) }),
  },
  {
    name: 'models.get',
    method: 'GET',
    path: '/models/{model}',
    needs: 'model.read',
    doc: 'One model with its versions, signature, configuration and memory.',
    output: modelSchema,
    run: (exchange) => viewOf(deps, modelOf(exchange)),
  },
  {
    name: 'models.deploy',
    method: 'POST',
    path: '/models/{model}/versions',
    needs: 'model.write',
    doc: 'Adds the file in the body as the next version and loads it; the versions that serve go on until it is ready.',
    query: {
      file: `Name of the file, which says its kind: ${deployFiles.join(', ')}; or ${folderArchive}, an archive in tar's format of the files of a folder, such as MLflow saves.`,
    },
    file: 'application/octet-stream',
    output: modelSchema,
    run: (exchange) => deploy(deps, exchange),
  },
  {
    name: 'models.remove',
    method: 'DELETE',
    path: '/models/{model}',
    needs: 'model.write',
    doc: 'Takes a deployed model out of service and deletes its files.',
    output: { type: 'object', properties: { removed: { type: 'string' } } },
    run: async (exchange) => {
      const model = modelOf(exchange)
      viewOf(deps, model)
      await deps.serving.models.requireOfRepository(model)
      await deps.serving.changes.run(model, async () => {
        await deps.deploys.remove(model)
        await deps.serving.models.forget(model)
        // What it hid is served again: an example, or a model of the operator's.
        if (await deps.serving.models.isOfRepository(model)) await deps.serving.models.load(model)
      })
      return { removed: model }
    },
  },
]

const modelOf = (exchange: Exchange): string => {
  const model = exchange.params['model'] ?? ''
  if (!isModelName(model)) throw fail('invalid_request', { reason: `'${model.slice(0, 100)}' can't name a model` })
  return model
}

const viewOf = ({ serving }: ModelOperationsDeps, model: string): ModelView => {
  const status = serving.models.statusOf(model)
  if (status === undefined) throw fail('model_not_found', { model })
  return modelView(status, serving)
}

const deploy = async (deps: ModelOperationsDeps, exchange: Exchange): Promise<ModelView> => {
  const model = modelOf(exchange)
  const file = exchange.query.get('file') ?? ''
  const known = [...deployFiles, folderArchive]
  if (!known.includes(file)) {
    throw fail('invalid_request', { reason: `the query must name the file, one of ${known.join(', ')}` })
  }
  const { serving, deploys } = deps
  await serving.models.requireOfRepository(model)
  const staged = await deploys.stage(model, file, exchange.bodyStream())
  try {
    return await serving.changes.run(model, async () => {
      const version = await staged.add()
      await serving.models.loadAdded(model, () => deploys.removeVersion(model, version))
      return viewOf(deps, model)
    })
  } finally {
    await staged.drop()
  }
}
