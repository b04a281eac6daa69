import type { InferCall, InferReply } from '../../gateway/index.ts'
import { siblingModule } from '../../lib/index.ts'
import type { Cancellation } from '../../lib/index.ts'
import { jsonBytesAbout } from '../../tensor/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import { fail } from '../../protocol/index.ts'
import { WorkThreads } from '../threads/index.ts'
import type { DecodedScoring, ScoringBody } from './decode-body.ts'
import { decodeScoringBody, isReadByModel } from './decode-body.ts'
import type { Answered, Encoded } from './encode-predictions.ts'
import { encodePredictions, tensorsWritten } from './encode-predictions.ts'
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

  /** Fails with `payload_too_large`, or `model_failed` when a text isn't one. */
  async encode({ model, outputs: tensors, predictions }: InferReply, caller: TableCaller): Promise<string> {
    // Why: JSON beside the tensors has all that they have.
    const outputs = predictions?.json === undefined ? tensors : []
    const answered: Answered = predictions === undefined ? { outputs } : { outputs, predictions }
    const written = tensorsWritten(answered)
    const listBytes = written.reduce((sum, { shape }) => sum + 2 * listsOf(shape), 0)
    const bytes = Math.max(
      listBytes,
      written.reduce((sum, { data }) => sum + data.length, 0),
    )
    const { jsonAnswerBytesMax: limitBytes } = this.#options
    if (bytes > limitBytes)
      throw fail('payload_too_large', { what: `predictions of ${bytes} bytes (send fewer rows at once)`, limitBytes })
    const textBytes = written.reduce((sum, tensor) => sum + jsonBytesAbout(tensor), listBytes)
    const text =
      textBytes <= this.#options.threadBytesMin
        ? encodePredictions(answered)
        : ((await this.#threads.ask({
            ...caller,
            what: 'the memory to write the predictions as JSON',
            bytes,
            textBytes,
            message: () => encodeMessage(answered),
          })) as Encoded)
    if ('text' in text) return text.text
    throw fail('model_failed', { model, reason: text.reason })
  }

  close(): Promise<void> {
    return this.#threads.close()
  }
}

/** Lists within lists that the values are written in: there may be any number of them although they hold nothing. */
const listsOf = (shape: readonly number[]): number => {
  let lists = 0
  let count = 1
  for (const dimension of shape.slice(0, -1)) {
    count *= dimension
    lists += count
  }
  // Rows of one value are written without.
  return shape.length === 2 && shape[1] === 1 ? 0 : lists
}

const encodeMessage = ({ outputs, predictions }: Answered): { work: ScoringWork; transfer: ArrayBuffer[] } => {
  const transfer: ArrayBuffer[] = []
  // Why: posting a view would copy the whole buffer behind it, which for a batch is everybody's answer.
  const copied = (tensor: Tensor): Tensor => {
    const data = new Uint8Array(tensor.data)
    transfer.push(data.buffer)
    return { ...tensor, data }
  }
  const answered: Answered = {
    outputs: outputs.map(copied),
    ...(predictions === undefined
      ? {}
      : { predictions: { ...predictions, json: predictions.json && copied(predictions.json) } }),
  }
  return { work: { kind: 'encode', answered }, transfer }
}
