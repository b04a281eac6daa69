import type { InferCall } from '../../gateway/index.ts'
import { siblingModule } from '../../lib/index.ts'
import type { Cancellation } from '../../lib/index.ts'
import { jsonBytesAbout } from '../../tensor/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import { fail } from '../../protocol/index.ts'
import { WorkThreads } from '../threads/index.ts'
import type { DecodedScoring, ScoringBody } from './decode-body.ts'
import { decodeScoringBody, isReadByModel } from './decode-body.ts'
import { encodePredictions } from './encode-predictions.ts'
import type { ScoringWork } from './scoring-work.ts'

export interface TablesOptions {
  /** Bodies above this are read and written on threads of their own. */
  readonly threadBytesMin: number
  /** Most bytes of tensors that are written as predictions. */
  readonly jsonAnswerBytesMax: number
  readonly jsonDepthMax: number
}

/** Whom tables are read or written for. */
export interface TableCaller {
  /** The model; models take turns. */
  readonly owner: string
  readonly cancellation?: Cancellation | undefined
}

type GivenTable = Pick<ScoringBody, 'body' | 'form' | 'target'>

/** The tensors of a body with what goes beside them, or the body for the model to read itself. */
type ReadTable = Pick<InferCall, 'inputs' | 'nulls' | 'parameters' | 'document'>

/** Reads tables into tensors and writes predictions, the large ones off the main thread. */
export class ScoringTables {
  readonly #options: TablesOptions
  readonly #threads: WorkThreads<ScoringWork>

  constructor(options: TablesOptions) {
    this.#options = options
    const program = siblingModule(import.meta.url, './scoring-thread')
    this.#threads = new WorkThreads({ program })
  }

  /** Throws what is wrong with the body; payload_too_large when its values need more memory than the thread may have. */
  async decode(given: GivenTable, caller: TableCaller): Promise<ReadTable> {
    const { body, form } = given
    if (isReadByModel(given)) return { inputs: [], document: { body, form } }
    const { whole, ...decoded } = await this.#decode(given, caller)
    return whole === undefined ? decoded : { inputs: [], document: { body, form } }
  }

  async #decode(given: GivenTable, caller: TableCaller): Promise<DecodedScoring> {
    const apart = given.body.length > this.#options.threadBytesMin
    const body: ScoringBody = { ...given, depthMax: this.#options.jsonDepthMax, apart }
    if (!apart) return decodeScoringBody(body)
    const message = () => ({ work: { kind: 'decode', body } as const, transfer: [] })
    const what = 'the memory to read this table'
    return (await this.#threads.ask({
      ...caller,
      what,
      bytes: body.body.length,
      textBytes: body.body.length,
      message,
    })) as DecodedScoring
  }

  /** Fails with `payload_too_large`. */
  async encode(outputs: readonly Tensor[], caller: TableCaller): Promise<string> {
    const bytes = outputs.reduce((sum, output) => sum + output.data.length, 0)
    const { jsonAnswerBytesMax: limitBytes } = this.#options
    if (bytes > limitBytes)
      throw fail('payload_too_large', { what: `predictions of ${bytes} bytes (send fewer rows at once)`, limitBytes })
    const textBytes = outputs.reduce((sum, output) => sum + jsonBytesAbout(output), 0)
    if (textBytes <= this.#options.threadBytesMin) return encodePredictions(outputs)
    const message = () => {
      // Why: posting a view would copy the whole buffer behind it, which for a batch is everybody's answer.
      const copies = outputs.map((output) => ({ ...output, data: new Uint8Array(output.data) }))
      return { work: { kind: 'encode', outputs: copies } as const, transfer: copies.map(({ data }) => data.buffer) }
    }
    const what = 'the memory to write the predictions as JSON'
    return (await this.#threads.ask({ ...caller, what, bytes, textBytes, message })) as string
  }

  close(): Promise<void> {
    return this.#threads.close()
  }
}
