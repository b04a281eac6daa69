import { siblingModule } from '../../lib/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import { waitingDefaults, WorkThread } from '../threads/index.ts'
import type { WorkThreadOptions } from '../threads/index.ts'
import type { JsonWork } from './json-work.ts'
import type { InferJson } from './rest-decode.ts'
import type { RestInferRequest } from './rest-request.ts'

/** Reads and writes large JSON on a thread of its own. */
export class JsonThreads {
  readonly #thread: WorkThread<JsonWork>

  constructor(options: Partial<WorkThreadOptions> = {}) {
    const program = options.program ?? siblingModule(import.meta.url, './json-thread')
    this.#thread = new WorkThread({ heapMegabytesMax: 4096, ...waitingDefaults, ...options, program })
  }

  /** Throws payload_too_large when the values need more memory than the thread may have; work_queue_full when too much waits. */
  decode(json: InferJson): Promise<RestInferRequest> {
    const message = () => ({ work: { kind: 'decode', json } as const, transfer: [] })
    const what = 'the memory to read this JSON'
    return this.#thread.ask({ what, bytes: json.body.length, message }) as Promise<RestInferRequest>
  }

  /** Throws payload_too_large when the text needs more memory than the thread may have; work_queue_full when too much waits. */
  encode(tensor: Tensor): Promise<string> {
    const message = () => {
      // Why: posting a view would copy the whole buffer behind it, which for a batch is everybody's answer.
      const data = new Uint8Array(tensor.data)
      return { work: { kind: 'encode', tensor: { ...tensor, data } } as const, transfer: [data.buffer] }
    }
    const what = `the memory to write output '${tensor.name}' as JSON`
    return this.#thread.ask({ what, bytes: tensor.data.length, message }) as Promise<string>
  }

  close(): Promise<void> {
    return this.#thread.close()
  }
}
