import { readFileSync } from 'node:fs'
import { HostGone, HostProcess, HostRefusal } from '../../src/serving/host-process.ts'
import type { LoadReport, TensorPayload } from '../../src/host/index.ts'
import { nodeHost } from '../../src/host/index.ts'
import { silentLogger } from '../../src/lib/index.ts'
import type { Signature } from '../../src/tensor/index.ts'
import { decodeJsonTensor } from '../../src/tensor/index.ts'
import { feedsFor } from './feeds.ts'

/** How it ended with a file: refused or answered by the host, or the host ended, by itself or for want of a limit. */
export type HostVerdict =
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'loaded'; readonly report: LoadReport; readonly answer: TensorPayload | string }
  | { readonly kind: 'gone'; readonly reason: string }

/** A host is asked for so many files, then replaced: nothing is unloaded in between. */
const filesMax = 100
const timeLimitMs = 10_000
const memoryLimit = 1024 ** 3
const lookMs = 50

/** Real model hosts, one after another, each watched over as the server watches over its own. */
export class MutantHosts implements AsyncDisposable {
  readonly #directory: string
  #host: HostProcess | undefined
  #files = 0
  started = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  async judge(path: string): Promise<HostVerdict> {
    const host = await this.#fresh()
    const startedAt = performance.now()
    const watch = setInterval(() => {
      if (performance.now() - startedAt > timeLimitMs) host.kill('it takes too long')
      else if (residentBytes(host.pids[0] ?? 0) > memoryLimit) host.kill('it takes too much memory')
    }, lookMs)
    try {
      const options = { intra_op_thread_count: '1' }
      const report = await host.load({ model: 'mutant', version: '1', engine: 'onnx', path, options })
      return { kind: 'loaded', report, answer: await runOnce(host, report.signature) }
    } catch (error) {
      if (error instanceof HostRefusal) return { kind: 'refused', reason: error.message }
      if (!(error instanceof HostGone)) throw error
      this.#host = undefined
      return { kind: 'gone', reason: error.message }
    } finally {
      clearInterval(watch)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host?.close()
  }

  async #fresh(): Promise<HostProcess> {
    if (this.#files === filesMax) await this.#host?.close()
    if (this.#host === undefined || this.#files === filesMax) {
      this.#files = 0
      this.started++
      const [directory, logger] = [this.#directory, silentLogger]
      this.#host = new HostProcess({ program: nodeHost, directory, environment: {}, niceness: 0, logger, owner: {} })
    }
    this.#files++
    return this.#host
  }
}

/** The answer to a request of the signature's own shape, why the host refused it, or why none can be made. */
const runOnce = async (host: HostProcess, signature: Signature): Promise<TensorPayload | string> => {
  const feeds = feedsFor(signature.inputs)
  if (feeds === undefined) return 'its inputs are larger than a request of this test'
  const tensors = feeds.map(decodeJsonTensor).map(({ data, ...tensor }) => ({ ...tensor, pieces: [data] }))
  try {
    return await host.run(tensors, [])
  } catch (error) {
    if (error instanceof HostRefusal) return error.message
    throw error
  }
}

const residentBytes = (pid: number): number => {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096
  } catch {
    return 0
  }
}
