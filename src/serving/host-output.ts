import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { deferToCheckPhase } from '../lib/index.ts'
import type { LogFields, Logger } from '../lib/index.ts'

/** A model that prints without end must not fill the log or the server's memory. */
const lineCharactersMax = 1000
const linesMax = 1000
/** What colours a terminal (SGR of ECMA-48, which begins with ESC) is no part of what is said. */
const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

/** What is told of the end of a host: the last lines that say something, so many and so long in all. */
const wordsMax = 3
const wordsCharactersMax = 500

/** Puts what a host prints into the log, line by line, and remembers what it said last on its standard error. */
export class HostOutput {
  #words: readonly string[] = []
  #isFatal = false
  #trace: Trace | undefined
  #traceLines = 0
  #lines = 0
  readonly #logger: Logger
  readonly #owner: LogFields
  readonly #streams: readonly (Readable | null)[]

  /** `owner` says in every line whose host it is. */
  constructor(child: ChildProcess, logger: Logger, owner: LogFields) {
    this.#logger = logger
    this.#owner = owner
    this.#streams = [child.stdout, child.stderr]
    if (child.stdout !== null) this.#read(child.stdout, 'stdout')
    if (child.stderr !== null) this.#read(child.stderr, 'stderr')
  }

  /**
   * The last lines that say something: what a runtime gave as the reason of its end, an exception, or else any that are
   * no part of a stack trace. Paths of the machine are left out but for their last part; empty when nothing was said.
   */
  get lastWords(): string {
    let words = ''
    for (const line of this.#words.toReversed()) {
      const joined = words === '' ? line : `${line} | ${words}`
      if (joined.length > wordsCharactersMax) return words === '' ? line.slice(0, wordsCharactersMax) : words
      words = joined
    }
    return words
  }

  /**
   * The process has ended: reads no more than is there by now. Why: a process that it started and that left its group
   * may hold the other ends for as long as it likes, and with them descriptors of the server.
   */
  end(): void {
    const [stdout, stderr] = this.#streams
    // Why twice: events that have arrived already may not have told of it yet.
    deferToCheckPhase(() =>
      deferToCheckPhase(() => {
        stdout?.destroy()
        stderr?.destroy()
      }),
    )
  }

  #read(stream: Readable, name: 'stdout' | 'stderr'): void {
    let rest = ''
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = (lines.pop() ?? '').slice(0, lineCharactersMax)
      for (const line of lines) this.#line(name, line)
    })
    stream.on('close', () => {
      if (rest !== '') this.#line(name, rest)
    })
  }

  #line(stream: 'stdout' | 'stderr', line: string): void {
    const text = line.slice(0, lineCharactersMax).replace(colours, '')
    if (stream === 'stderr') this.#note(text)
    this.#lines += 1
    if (this.#lines <= linesMax) this.#logger.info('host.output', { ...this.#owner, stream, text })
    if (this.#lines === linesMax) this.#logger.warn('host.output.cut', { ...this.#owner, lines: linesMax })
  }

  #note(text: string): void {
    const trace = traces.find(({ heading }) => heading.test(text))
    if (trace !== undefined) {
      this.#trace = trace
      this.#traceLines = 0
    } else if (fatal.test(text)) {
      // Why: what C++ ends a process for, Python sees as no more than an abort.
      if (this.#isFatal && text === pythonAborted) return
      this.#isFatal = true
      this.#remember(text)
    } else if (!this.#isFatal && telling(text) && !this.#isOfTrace(text)) {
      this.#trace = undefined
      this.#remember(text)
    }
  }

  #isOfTrace(text: string): boolean {
    this.#traceLines += 1
    const { frame, linesMax: max = Infinity } = this.#trace ?? {}
    return frame?.test(text) === true && this.#traceLines <= max
  }

  #remember(text: string): void {
    this.#words = [...this.#words, text.trim().replace(path, '…/$1')].slice(-wordsMax)
  }
}

/** An absolute path of two parts or more, or the URL of one; none within another URL. */
const path = /(?<![\w.:/-])(?:file:\/\/)?(?:\/[^\s/:;,'"()<>|]+)+\/([^\s/:;,'"()<>|]+)/g

/** What V8, Python and the C++ library begin the reason with for which they end a process; stack traces follow. */
const fatal = /^(FATAL ERROR: |Fatal Python error: |terminate called|#\s+Fatal |\s+what\(\): )/
const pythonAborted = 'Fatal Python error: Aborted'

/** What comes before the lines of a stack trace, of code or of a table, and what these look like. */
interface Trace {
  readonly heading: RegExp
  readonly frame: RegExp
  readonly linesMax?: number
}

const traces: readonly Trace[] = [
  { heading: /^-+ .*stack trace -+$/, frame: /^\s*\d+: / },
  { heading: /^Traceback \(most recent call last\):$/, frame: /^\s/ },
  { heading: /^<--- .* --->$/, frame: /^\[\d+:0x/ },
  // Where Node found an error, above the line of code.
  { heading: /^((file:\/\/)?\/\S+|\[eval\]):\d+$/, frame: /./, linesMax: 1 },
]

/** The frames of a stack trace and the runtime's banner, Node's and Python's, surround the line that says what went wrong. */
const telling = (text: string): boolean =>
  text.trim() !== '' &&
  !/^\s+at |^Node\.js v|^\s*\^+\s*$|^[{}]$|^\s+File "|^(Current t|T)hread 0x|^Extension modules:|^\s+<no Python frame>|^During handling of the above|^The above exception was/.test(
    text,
  )
