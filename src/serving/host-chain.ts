import { join } from 'node:path'
import type { LoadOrder, LoadReport, ScatteredTensor, TensorPayload } from '../host/index.ts'
import type { Signature, TensorSpec } from '../tensor/index.ts'
import { fullSignature } from './full-signature.ts'
import type { HostLink } from './host-link.ts'
import { HostGone, HostRefusal } from './host-process.ts'
import type { ModelConfig } from './model-config/model-config.ts'
import { isBesideOutputs, nullProblem, nullsAmong } from './predictions.ts'
import type { Step, StepName } from './steps.ts'

export interface ChainStep {
  readonly step: Step
  readonly host: HostLink
}

export interface HostChainOptions {
  readonly model: HostLink
  readonly steps: readonly ChainStep[]
  /** The version's folder. */
  readonly directory: string
  /** Declares the inputs of the first step and the outputs of the last, where these are not the model's. */
  readonly config: ModelConfig | undefined
}

/**
 * A model with code before or behind it, each in a host of its own, as one link. A batch goes through them in turn;
 * what fails says in which. When one ends, the others are ended too.
 */
export class HostChain implements HostLink {
  readonly exited: Promise<string>
  readonly #options: HostChainOptions
  readonly #links: readonly (readonly [name: StepName | 'model', host: HostLink])[]

  constructor(options: HostChainOptions) {
    this.#options = options
    this.#links = [['model', options.model], ...options.steps.map(({ step, host }) => [step.name, host] as const)]
    this.exited = Promise.race(this.#links.map(async ([name, host]) => `${name}: ${await host.exited}`))
    void this.exited.then((reason) => this.kill(reason))
  }

  get pids(): readonly number[] {
    return this.#links.flatMap(([, host]) => host.pids)
  }

  /** The signature of the chain: what its first step takes and its last one gives. */
  async load(order: LoadOrder): Promise<LoadReport> {
    const report = await within('model', this.#options.model.load(order))
    const signature = this.#signature(report)
    const reports = await Promise.all(
      this.#options.steps.map(({ step, host }) => within(step.name, host.load(this.#stepOrder(step, order, report)))),
    )
    const memoryBytes = reports.reduce((sum, each) => sum + each.memoryBytes, report.memoryBytes)
    return { ...report, signature, memoryBytes }
  }

  async run(tensors: readonly ScatteredTensor[], wanted: readonly string[]): Promise<TensorPayload> {
    const before = this.#hostOf('preprocess')
    const after = this.#hostOf('postprocess')
    // What travels beside tensors is for the model alone.
    const beside = before === undefined ? [] : tensors.filter(({ name }) => name.includes('\0'))
    let inputs = tensors
    let runMs = 0
    if (before !== undefined) {
      const own = tensors.filter((tensor) => !beside.includes(tensor))
      const made = await within('preprocess', before.run(own, []))
      inputs = [...scattered(made), ...beside]
      runMs += made.number
    }
    const answer = await within('model', this.#options.model.run(inputs, after === undefined ? wanted : []))
    runMs += answer.number
    if (after === undefined) return { ...answer, number: runMs }
    const lack = nullProblem(nullsAmong(answer.tensors))
    if (lack !== undefined) throw new HostRefusal({ fault: 'model', reason: `model: ${lack}` })
    const made = await within('postprocess', after.run(scattered(answer), wanted), 'model')
    return { ...made, number: runMs + made.number }
  }

  kill(reason: string): void {
    for (const [, host] of this.#links) host.kill(reason)
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map(([, host]) => host.close()))
  }

  #hostOf(name: StepName): HostLink | undefined {
    return this.#options.steps.find(({ step }) => step.name === name)?.host
  }

  #signature(report: LoadReport): Signature {
    const { config } = this.#options
    if (config === undefined) return report.signature
    const batched = isBatched(config, report)
    const declared = fullSignature({ ...config, maxBatchSize: batched ? 1 : 0 }, report.signature)
    if (this.#hostOf('preprocess') === undefined) return { ...report.signature, outputs: declared.outputs }
    const outputs = this.#hostOf('postprocess') === undefined ? report.signature.outputs : declared.outputs
    const { parameters } = report.signature
    return { inputs: declared.inputs, outputs, ...(parameters === undefined ? {} : { parameters }) }
  }

  #stepOrder(step: Step, order: LoadOrder, report: LoadReport): LoadOrder {
    const whole = this.#signature(report)
    const own: { inputs: readonly TensorSpec[]; outputs: readonly TensorSpec[] } =
      step.name === 'preprocess'
        ? { inputs: whole.inputs, outputs: report.signature.inputs }
        : { inputs: report.signature.outputs, outputs: whole.outputs }
    const options = { ...order.options, step_function: step.name, step_signature: JSON.stringify(own) }
    const { model, version } = order
    return { model, version, engine: step.engine, path: join(this.#options.directory, step.file), options }
  }
}

const isBatched = (config: ModelConfig, report: LoadReport): boolean => {
  if (config.written.has('max_batch_size')) return config.maxBatchSize > 0
  const { inputs, outputs } = report.signature
  return report.batched !== false && [...inputs, ...outputs].every((tensor) => tensor.shape[0] === -1)
}

const scattered = ({ tensors }: TensorPayload): ScatteredTensor[] =>
  tensors
    .filter((tensor) => !isBesideOutputs(tensor))
    .map(({ name, datatype, shape, data }) => ({ name, datatype, shape, pieces: [data] }))

/** Names the step in what it throws; `fault` is whose fault its refusals are, when not as it says. */
const within = async <T>(name: StepName | 'model', work: Promise<T>, fault?: 'model'): Promise<T> => {
  try {
    return await work
  } catch (error) {
    if (error instanceof HostRefusal) {
      const { bySignature } = error
      throw new HostRefusal({ fault: fault ?? error.fault, reason: `${name}: ${error.message}`, bySignature })
    }
    if (error instanceof HostGone) throw new HostGone(`${name}: ${error.message}`)
    throw error
  }
}
