import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Logger } from '../lib/index.ts'
import { Cancellation, deferToCheckPhase, readRegularFile, reasonOf } from '../lib/index.ts'
import { fail } from '../protocol/index.ts'
import type { MoveCheck } from '../registry/index.ts'
import { nullProblem } from '../serving/index.ts'
import type { InferAnswer, ServedVersion } from '../serving/index.ts'
import { checkAgainstSignature } from '../tensor/index.ts'
import type { Signature, Tensor } from '../tensor/index.ts'
import { infinite, notANumber, outputDifference } from './compare-outputs.ts'
import { goldenBytesMax, goldenFile, readGoldenCases } from './golden-cases.ts'
import { signatureProblems } from './signature-check.ts'

/** The inputs of a version's own example; undefined when it has none. Throws what is wrong with one. */
export type ReadExample = (folder: string, version: ServedVersion) => Promise<readonly Tensor[] | undefined>

export interface CandidateChecksDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly signature: 'enforce' | 'warn' | 'off'
  readonly timeoutMs: number
  readonly readExample: ReadExample
}

export interface Incumbent {
  readonly version: number
  readonly signature: Signature
}

/** A loaded version that is to take over, and the one that serves now. */
export interface Candidate {
  readonly endpoint: string
  readonly folder: string
  readonly version: ServedVersion
  /** What callers of the version that serves now rely on; undefined when none does. */
  readonly incumbent: Incumbent | undefined
}

/** Runs of the input example before a candidate serves, so that the first request isn't the one that pays for laziness. */
const warmUpRuns = 3

/** Asks a loaded candidate whether it can take over: its signature, its own input example, its golden cases. */
export class CandidateChecks {
  readonly #deps: CandidateChecksDeps

  constructor(deps: CandidateChecksDeps) {
    this.#deps = deps
  }

  /**
   * What it has passed. Fails with `candidate_failed` and the reason, or with the signal's as soon as that is aborted,
   * whatever the candidate is busy with: whoever calls it off ends the candidate.
   */
  async require(candidate: Candidate, signal: AbortSignal): Promise<readonly MoveCheck[]> {
    const calledOff = Promise.withResolvers<never>()
    const callOff = (): void => calledOff.reject(signal.reason)
    signal.throwIfAborted()
    signal.addEventListener('abort', callOff, { once: true })
    try {
      return await Promise.race([this.#requireAll(candidate), calledOff.promise])
    } finally {
      signal.removeEventListener('abort', callOff)
    }
  }

  async #requireAll(candidate: Candidate): Promise<readonly MoveCheck[]> {
    const passed: MoveCheck[] = ['load']
    if (this.#requireSignature(candidate)) passed.push('signature')
    if (await this.#requireExample(candidate)) passed.push('input_example')
    if (await this.#requireGolden(candidate)) passed.push('golden_cases')
    if (!passed.includes('input_example')) this.#tellUnasked(candidate, passed)
    return passed
  }

  #tellUnasked({ endpoint, version }: Candidate, passed: readonly MoveCheck[]): void {
    const reason = passed.includes('golden_cases')
      ? 'no input example: checked with its golden cases alone'
      : 'no input example: checked only that it loads'
    this.#deps.logger.info('endpoint.no_example', { endpoint, version: version.version, reason })
  }

  /** Whether it was compared, as the other checks tell whether there was something to ask. */
  #requireSignature({ endpoint, version, incumbent }: Candidate): boolean {
    const { signature, logger } = this.#deps
    if (incumbent === undefined || signature === 'off') return false
    const problems = signatureProblems(version.facts.signature, incumbent.signature)
    if (problems.length === 0) return true
    const reason = `callers of version ${incumbent.version} could not go on: ${problems.join('; ')}`
    if (signature === 'enforce') throw failed(version, reason)
    logger.warn('endpoint.signature', { endpoint, version: version.version, reason })
    return false
  }

  async #requireExample({ endpoint, folder, version }: Candidate): Promise<boolean> {
    const inputs = await this.#deps.readExample(folder, version).catch((error: unknown) => {
      throw failed(version, `its input example can't be read: ${reasonOf(error)}`)
    })
    if (inputs === undefined) return false
    let reason: string | undefined
    for (let run = 0; run < warmUpRuns; run++) {
      const answer = await this.#run(version, inputs, 'its input example')
      const problem = notANumber(answer)
      if (problem !== undefined) throw failed(version, `on its input example, ${problem}`)
      reason = infinite(answer)
    }
    if (reason !== undefined)
      this.#deps.logger.warn('endpoint.infinite', { endpoint, version: version.version, reason })
    return true
  }

  async #requireGolden({ folder, version }: Candidate): Promise<boolean> {
    const path = join(folder, goldenFile)
    if ((await stat(path).catch(() => undefined)) === undefined) return false
    const bytes = await readRegularFile(path, goldenBytesMax).catch((error: unknown) => {
      throw failed(version, reasonOf(error))
    })
    const { count, tolerance, caseAt } = orFailed(version, () => readGoldenCases(bytes))
    for (let index = 0; index < count; index++) {
      // Why: predictions that have arrived meanwhile go first.
      await new Promise<void>((resolve) => deferToCheckPhase(resolve))
      const { inputs, outputs } = orFailed(version, () => caseAt(index))
      const what = `golden case ${index}`
      requireFit(version, inputs, what)
      const answer = await this.#run(version, inputs, what)
      const difference =
        nullProblem(answer.predictions?.nulls ?? []) ?? outputDifference(answer.outputs, outputs, tolerance)
      if (difference !== undefined) throw failed(version, `in ${what}, ${difference}`)
    }
    return true
  }

  async #run(version: ServedVersion, inputs: readonly Tensor[], what: string): Promise<InferAnswer> {
    const { clock, timeoutMs } = this.#deps
    try {
      const deadlineMs = clock.now() + timeoutMs
      const task = { inputs, wanted: [], priority: 0, queueTimeoutMs: 0, deadlineMs, cancellation: new Cancellation() }
      return await version.infer(task)
    } catch (error) {
      throw failed(version, `it fails on ${what}: ${reasonOf(error)}`)
    }
  }
}

const requireFit = (version: ServedVersion, inputs: readonly Tensor[], what: string): void => {
  try {
    checkAgainstSignature(inputs, version.facts.signature)
  } catch (error) {
    throw failed(version, `${what} is not an input of it: ${reasonOf(error)}`)
  }
}

const orFailed = <T>(version: ServedVersion, read: () => T): T => {
  try {
    return read()
  } catch (error) {
    throw failed(version, reasonOf(error))
  }
}

const failed = ({ model, version }: ServedVersion, reason: string): Error =>
  fail('candidate_failed', { model, version, reason })
