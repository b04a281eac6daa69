import { keptPath } from '../../registry/index.ts'
import type { Endpoint, EndpointContext } from './endpoint.ts'
import { endpoint } from './endpoint.ts'
import { required, text } from './fields.ts'
import { runId } from './run-id-field.ts'

/** Files below a root, with paths as seen from the root. Roots elsewhere are their store's to list. */
const listBelow = async ({ registry }: EndpointContext, root: string, path: string): Promise<object> => {
  const entries = await registry.artifacts.list(keptPath(root, path))
  const below = path.replace(/\/$/, '')
  const files = entries.map(({ name, isFolder, bytes }) => ({
    path: below === '' ? name : `${below}/${name}`,
    is_dir: isFolder,
    ...(bytes === undefined ? {} : { file_size: bytes }),
  }))
  return { root_uri: root, ...(files.length === 0 ? {} : { files }) }
}

/** Listings of the artifacts of runs and logged models. */
export const runArtifactEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'GET',
    path: 'artifacts/list',
    needs: 'registry.read',
    doc: "Lists a folder of a run's artifacts.",
    input: { ...runId.fields, path: text, page_token: text },
    async run(context, input) {
      const { info } = await context.registry.runs.require(runId.of(input))
      return listBelow(context, info.artifactUri, input.path ?? '')
    },
  }),
  endpoint({
    method: 'GET',
    path: 'logged-models/{model_id}/artifacts/directories',
    needs: 'registry.read',
    doc: "Lists a folder of a logged model's artifacts.",
    input: { model_id: required(text), artifact_directory_path: text, page_token: text },
    async run(context, input) {
      const { artifactUri } = await context.registry.loggedModels.require(input.model_id)
      return listBelow(context, artifactUri, input.artifact_directory_path ?? '')
    },
  }),
]
