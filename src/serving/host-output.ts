import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { deferToCheckPhase } from '../lib/index.ts'
import type { LogFields, Logger } from '../lib/index.ts'

/** A model that prints without end must not fill the log or the server's memory. */
const lineCharactersMax = 1000
const linesMax = 1000
/** What colours a terminal (SGR of ECMA-48, which begins with ESC) is no part of what is said. */
const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

/** Puts what a host prints into the log, line by line, and remembers what it said last on its standard error. */
export class HostOutput {
  /** The last line that says something: what a runtime gave as the reason of its end, or else any that is no stack trace. */
  lastLine = ''
  #isFatal = false
  #inTrace = false
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
    if (traceHeading.test(text)) this.#inTrace = true
    else if (fatal.test(text)) {
      this.#isFatal = true
      this.lastLine = text.trim()
    } else if (!this.#isFatal && telling(text) && !(this.#inTrace && traceFrame.test(text))) {
      this.#inTrace = false
      this.lastLine = text.trim()
    }
  }
}

/** What V8, Python and the C++ library begin the reason with for which they end a process; stack traces follow. */
const fatal = /^(FATAL ERROR: |Fatal Python error: |terminate called|#\s+Fatal |\s+what\(\): )/
/** Node's headings of its traces, whose frames are numbered. */
const traceHeading = /^-+ .*stack trace -+$/
const traceFrame = /^\s*\d+: /

/** The frames of a stack trace and the runtime's banner, Node's and Python's, follow the line that says what went wrong. */
const telling = (text: string): boolean =>
  text.trim() !== '' &&
  !/^\s+at |^Node\.js v|^\s*\^+\s*$|^[{}]$|^\s+File "|^(Current t|T)hread 0x|^Extension modules:|^\s+<no Python frame>/.test(
    text,
  )
