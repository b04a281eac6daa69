import { siblingModule } from '../../lib/index.ts'
import type { Cancellation } from '../../lib/index.ts'
import { jsonBytesAbout } from '../../tensor/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import { heapMegabytesDefault, WorkThreads } from '../threads/index.ts'
import type { WorkThreadOptions } from '../threads/index.ts'
import type { JsonWork } from './json-work.ts'
import type { InferJson } from './rest-decode.ts'
import type { RestInferRequest } from './rest-request.ts'

/** Whom large JSON is read or written for. */
export interface JsonCaller {
  /** The model; models take turns. */
  readonly owner: string
  readonly cancellation?: Cancellation | undefined
}

/**
 * What the platform's reader makes of a text takes less than so many times its bytes, whatever it holds. It can't be
 * stopped when a thread's memory ends: then the process ends.
 */
const quickGrowthMax = 64

/** Reads and writes large JSON on threads of its own. */
export class JsonThreads {
  readonly #threads: WorkThreads<JsonWork>
  readonly #quickBytesMax: number

  constructor(options: Partial<WorkThreadOptions> = {}) {
    const program = options.program ?? siblingModule(import.meta.url, './json-thread')
    this.#threads = new WorkThreads({ ...options, program })
    this.#quickBytesMax = ((options.heapMegabytesMax ?? heapMegabytesDefault) * 1024 ** 2) / quickGrowthMax
  }

  /** Throws payload_too_large when the values need more memory than the thread may have; work_queue_full when too much waits. */
  decode(json: InferJson, caller: JsonCaller): Promise<RestInferRequest> {
    const quickBytesMax = this.#quickBytesMax
    const message = () => ({ work: { kind: 'decode', json: { ...json, quickBytesMax } } as const, transfer: [] })
    const what = 'the memory to read this JSON'
    const order = { ...caller, what, bytes: json.body.length, textBytes: json.jsonBytes, message }
    return this.#threads.ask(order) as Promise<RestInferRequest>
  }

  /** Throws payload_too_large when the text needs more memory than the thread may have; work_queue_full when too much waits. */
  encode(tensor: Tensor, caller: JsonCaller): Promise<string> {
    const message = () => {
      // Why: posting a view would copy the whole buffer behind it, which for a batch is everybody's answer.
      const data = new Uint8Array(tensor.data)
      return { work: { kind: 'encode', tensor: { ...tensor, data } } as const, transfer: [data.buffer] }
    }
    const what = `the memory to write output '${tensor.name}' as JSON`
    const order = { ...caller, what, bytes: tensor.data.length, textBytes: jsonBytesAbout(tensor), message }
    return this.#threads.ask(order) as Promise<string>
  }

  close(): Promise<void> {
    return this.#threads.close()
  }
}
