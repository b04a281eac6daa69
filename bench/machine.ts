import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { wait } from './wait.ts'

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

const cpuTimes = (): { readonly idle: number; readonly all: number } => {
  const times = cpus().map((cpu) => cpu.times)
  const idle = times.reduce((sum, cpu) => sum + cpu.idle, 0)
  return { idle, all: times.reduce((sum, { user, nice, sys, irq }) => sum + user + nice + sys + irq, idle) }
}

/** Share of all cores, 0 to 1, that something else uses now, over two seconds. */
export const busyShare = async (): Promise<number> => {
  const before = cpuTimes()
  await wait(2000)
  const after = cpuTimes()
  return 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all)
}
