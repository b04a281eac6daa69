import { join } from 'node:path'
import { readRegularFile } from '../lib/index.ts'
import type { ModelConfig } from './model-config/model-config.ts'

/** A class has some tens of characters, and there are thousands of them where there are many. */
const labelBytesMax = 16 * 1024 ** 2

/** Reads the label files that a configuration names: one class a line, in the order of the classes. */
export const readLabels = async (
  config: ModelConfig,
  directory: string,
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const labels = new Map<string, readonly string[]>()
  for (const output of config.outputs) {
    if (output.labelFilename === '') continue
    const bytes = await readRegularFile(join(directory, output.labelFilename), labelBytesMax)
    const text = bytes.toString('utf8')
    labels.set(output.name, text.replace(/\r?\n$/, '').split(/\r?\n/))
  }
  return labels
}
