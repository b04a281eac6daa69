import { openAsBlob } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { stringify } from 'yaml'
import type { SlipwayClient } from '../../client/index.ts'
import type { Converted } from './convert-job.ts'

/** A converted model as it is registered. */
interface Registered {
  readonly name: string
  readonly path: string
  readonly converted: Converted
  /** What it was converted from, as the user named it. */
  readonly source: string
}

/** Where the runs of conversions are kept. */
const experiment = 'conversions'

/** The MLmodel file of an ONNX model, which mlflow.onnx and mlflow.pyfunc load. */
const mlmodel = ({ converted }: Registered): string =>
  stringify({
    flavors: {
      onnx: { data: 'model.onnx', onnx_version: converted.packages['onnx'] ?? '', providers: ['CPUExecutionProvider'] },
      python_function: { data: 'model.onnx', loader_module: 'mlflow.onnx' },
    },
  })

/** Puts a model with its report into a run of its own and registers it as the next version. */
export const registerModel = async (api: SlipwayClient, model: Registered): Promise<number> => {
  const { items } = await api.experiments.search({ filter: `name = '${experiment}'`, limit: 1 })
  const experimentId = items[0]?.experimentId ?? (await api.experiments.create({ name: experiment })).experimentId
  const tags = [{ key: 'slipway.converted_from', value: model.source }]
  const { runId } = await api.runs.create({ experimentId, name: model.name, tags })
  await api.uploadArtifact(runId, 'model/MLmodel', mlmodel(model))
  for (const path of [model.path, join(dirname(model.path), 'conversion.json')])
    await api.uploadArtifact(runId, `model/${basename(path)}`, await openAsBlob(path))
  await api.runs.update({ runId, status: 'FINISHED' })
  await api.registeredModels.create({ name: model.name }).catch((error: unknown) => {
    if ((error as { readonly code?: string }).code !== 'resource_exists') throw error
  })
  return (await api.modelVersions.create({ name: model.name, source: `runs:/${runId}/model`, runId, tags })).version
}
