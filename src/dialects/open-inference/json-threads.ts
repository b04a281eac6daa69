import { Worker } from 'node:worker_threads'
import { siblingModule } from '../../lib/index.ts'
import { AppError, fail, isErrorCode } from '../../protocol/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { JsonDone, JsonWork } from './json-work.ts'
import type { InferJson } from './rest-decode.ts'
import type { RestInferRequest } from './rest-request.ts'

/** Values read from a body of the size limit need at most this much memory; a thread beyond it ends alone. */
const heapMegabytesMax = 4096

interface Pending {
  resolve(result: unknown): void
  reject(error: Error): void
}

/** Reads and writes large JSON on a thread of its own, started when first needed. */
export class JsonThreads {
  #worker: Worker | undefined
  readonly #pending = new Map<number, Pending>()
  #nextId = 1

  decode(json: InferJson): Promise<RestInferRequest> {
    return this.#ask((id) => ({ id, kind: 'decode', json })) as Promise<RestInferRequest>
  }

  encode(tensor: Tensor): Promise<string> {
    // Why: posting a view would copy the whole buffer behind it, which for a batch is everybody's answer.
    const data = new Uint8Array(tensor.data)
    return this.#ask((id) => ({ id, kind: 'encode', tensor: { ...tensor, data } }), [data.buffer]) as Promise<string>
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #ask(work: (id: number) => JsonWork, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#open().postMessage(work(id), [...transfer])
    })
  }

  #open(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(siblingModule(import.meta.url, './json-thread'), {
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytesMax },
    })
    worker.unref()
    worker.on('message', (done: JsonDone) => this.#done(done))
    worker.on('error', (error) => this.#lost(worker, error))
    worker.on('exit', () => this.#lost(worker, new Error('the thread ended')))
    this.#worker = worker
    return worker
  }

  #done(done: JsonDone): void {
    const pending = this.#pending.get(done.id)
    this.#pending.delete(done.id)
    if (done.kind === 'done') pending?.resolve(done.result)
    else pending?.reject(new AppError(isErrorCode(done.code) ? done.code : 'internal', done.details))
  }

  #lost(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    for (const pending of this.#pending.values()) {
      pending.reject(fail('invalid_request', { reason: `the JSON could not be processed: ${error.message}` }, error))
    }
    this.#pending.clear()
  }
}
