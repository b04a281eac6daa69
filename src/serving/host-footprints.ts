import type { EngineName } from '../host/index.ts'

const mebibyte = 1024 ** 2

/** What a host takes before anything is known of the machine: the runtime, its libraries and a small model. */
const firstBytes: Readonly<Record<EngineName, number>> = {
  echo: 96 * mebibyte,
  js: 96 * mebibyte,
  onnx: 120 * mebibyte,
  python: 128 * mebibyte,
}

/** Hosts that are remembered: some, so that one model which takes much by itself doesn't count for all. */
const rememberedMax = 16
const rank = 0.75

/** What a host of each engine takes beside its model's files, learned from those that loaded. */
export class HostFootprints {
  readonly #measured = new Map<EngineName, number[]>()

  /** `bytes` of a host whose model's files are small. */
  note(engine: EngineName, bytes: number): void {
    const measured = this.#remembered(engine)
    measured.push(bytes)
    if (measured.length > rememberedMax) measured.shift()
  }

  bytesOf(engine: EngineName): number {
    const sorted = this.#remembered(engine).toSorted((a, b) => a - b)
    return sorted[Math.ceil(rank * sorted.length) - 1] ?? firstBytes[engine]
  }

  #remembered(engine: EngineName): number[] {
    let measured = this.#measured.get(engine)
    if (measured === undefined) this.#measured.set(engine, (measured = [firstBytes[engine], firstBytes[engine]]))
    return measured
  }
}
