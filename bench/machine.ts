import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'

/** What a figure depends on, without what names the machine. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
}

export const machine = (): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: cpus().length,
  memoryGb: Math.round(totalmem() / 1024 ** 3),
})

const versionOf = (file: URL): string =>
  (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version

/** Versions of what is measured. */
export const versions = (): Readonly<Record<string, string>> => ({
  slipway: versionOf(new URL('../package.json', import.meta.url)),
  node: process.versions.node,
  'onnxruntime-node': versionOf(new URL('../node_modules/onnxruntime-node/package.json', import.meta.url)),
})
