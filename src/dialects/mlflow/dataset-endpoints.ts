import type { Endpoint } from './endpoint.ts'
import { endpoint } from './endpoint.ts'
import { list, required, text } from './fields.ts'

/** Datasets that runs read. */
export const datasetEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'experiments/search-datasets',
    needs: 'registry.read',
    doc: 'The datasets that the runs of experiments read.',
    input: { experiment_ids: list(required(text)) },
    async run({ registry }, input) {
      const datasets = await registry.datasets(input.experiment_ids)
      return {
        dataset_summaries: datasets.map(({ experimentId, name, digest, context }) => ({
          experiment_id: experimentId,
          name,
          digest,
          ...(context === undefined ? {} : { context }),
        })),
      }
    },
  }),
]
