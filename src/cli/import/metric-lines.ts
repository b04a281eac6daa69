import type { FileHandle } from 'node:fs/promises'
import { Unusable, wholeNumber } from './read-yaml.ts'

/** Longest line of a file of metrics; MLflow's own have some hundred characters. */
const lineMax = 10_000
const pieceBytes = 64 * 1024

interface Line {
  readonly text: string
  readonly number: number
  /** Whether the line was ended: one that isn't was being written when the writer stopped. */
  readonly isWhole: boolean
}

/** The lines of a file, however large it is. Throws Unusable for a line that no file of metrics has. */
export async function* linesOf(handle: FileHandle): AsyncGenerator<Line> {
  const decoder = new TextDecoder()
  const piece = Buffer.alloc(pieceBytes)
  let rest = ''
  let number = 0
  for (;;) {
    const { bytesRead } = await handle.read(piece, 0, pieceBytes)
    const lines = (rest + decoder.decode(piece.subarray(0, bytesRead), { stream: bytesRead > 0 })).split('\n')
    rest = lines.pop() ?? ''
    for (const text of lines) yield { text, number: (number += 1), isWhole: true }
    if (rest.length > lineMax) throw new Unusable(`line ${number + 1} has more than ${lineMax} characters`)
    if (bytesRead > 0) continue
    if (rest !== '') yield { text: rest, number: number + 1, isWhole: false }
    return
  }
}

const words: Readonly<Record<string, number>> = {
  nan: NaN,
  inf: Infinity,
  '-inf': -Infinity,
  infinity: Infinity,
  '-infinity': -Infinity,
}

/** A number as Python writes it. Throws Unusable. */
const pythonNumber = (text: string): number => {
  const word = words[text.toLowerCase()]
  if (word !== undefined) return word
  if (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) return Number(text)
  throw new Unusable(`'${text.slice(0, 50)}' is no number`)
}

export interface MetricLine {
  readonly timestamp: number
  readonly value: number
  readonly step: number
  readonly more: readonly string[]
}

/** `TIME VALUE [STEP [MORE…]]`; a sentence when it can't be read. */
export const readMetricLine = ({ text, number, isWhole }: Line): MetricLine | string => {
  const [timestamp = '', value = '', step = '0', ...more] = text.trim().split(' ')
  try {
    if (!isWhole) throw new Unusable('it was not written to its end')
    return {
      timestamp: wholeNumber(timestamp, 'time'),
      value: pythonNumber(value),
      step: wholeNumber(step, 'step'),
      more,
    }
  } catch (error) {
    if (error instanceof Unusable) return `line ${number}: ${error.message}`
    throw error
  }
}
