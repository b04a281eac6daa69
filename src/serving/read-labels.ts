import type { ModelConfig } from './model-config/model-config.ts'
import { readModelFile } from './read-model-file.ts'

/** Reads the label files that a configuration names: one class a line, in the order of the classes. */
export const readLabels = async (
  config: ModelConfig,
  directory: string,
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const labels = new Map<string, readonly string[]>()
  for (const output of config.outputs) {
    if (output.labelFilename === '') continue
    const text = (await readModelFile(directory, output.labelFilename)).toString('utf8')
    labels.set(output.name, text.replace(/\r?\n$/, '').split(/\r?\n/))
  }
  return labels
}
