import type { FileWindow } from './file-window.ts'
import { codes, pickleOpcodes } from './pickle-opcodes.ts'
import type { Argument, Kind, Opcode } from './pickle-opcodes.ts'

/** Whoever writes more opcodes than these into what is no pickle means to wear its reader out. */
const opcodesMax = 200_000
const lineCharactersMax = 1000

/**
 * Whether reading a file as a pickle would import or call anything: follows the opcodes of any protocol as far as they
 * make sense, through all pickles that stand one behind another, and runs none of them.
 */
export const runsWhenUnpickled = async (file: FileWindow): Promise<boolean> => {
  if (await saysPickle(file)) return true
  const stack = new Stack()
  let imported = false
  let position: number | undefined = 0
  for (let count = 0; count < opcodesMax; count += 1) {
    const code: number = (await file.from(position, 1))?.[0] ?? -1
    const opcode = pickleOpcodes.get(code)
    if (opcode === undefined) return false
    position = await behind(file, position + 1, opcode.argument)
    if (position === undefined || position > file.size || !stack.step(code, opcode)) return false
    imported ||= opcode.imports
    if (imported && endsHarmfully(code, opcode)) return true
  }
  return true
}

const saysPickle = async (file: FileWindow): Promise<boolean> => {
  const [first = 0, version = 0] = (await file.from(0, 2)) ?? []
  return first === codes.proto && version >= 2 && version <= 5
}

/** What was imported is called, or the import alone was what the pickle is for. */
const endsHarmfully = (code: number, opcode: Opcode): boolean => opcode.calls || code === codes.stop

/** Position behind an opcode's argument; undefined where that is not one. */
const behind = async (file: FileWindow, position: number, argument: Argument): Promise<number | undefined> => {
  if ('bytes' in argument) return position + argument.bytes
  if ('counted' in argument) {
    const bytes = await file.from(position, argument.counted)
    if (bytes === undefined) return undefined
    const count = argument.counted === 8 ? Number(bytes.readBigUInt64LE()) : bytes.readUIntLE(0, argument.counted)
    return position + argument.counted + count
  }
  if ('line' in argument) return behindLine(file, position, argument.line)
  // Why: lines of a text are told from names of modules and of what is in them, which have no spaces.
  const module = await behindLine(file, position, /^\S+$/)
  return module === undefined ? undefined : behindLine(file, module, /^\S+$/)
}

/** Of a line that is longer than what is kept of it the rest is not looked at. */
const behindLine = async (file: FileWindow, position: number, pattern: RegExp): Promise<number | undefined> => {
  const line = await file.line(position, lineCharactersMax)
  if (line === undefined) return undefined
  return line.text.length > lineCharactersMax || pattern.test(line.text) ? line.next : undefined
}

/** What is on the stack of whoever reads a pickle, in one list for each mark. */
class Stack {
  #frames: Kind[][] = [[]]

  /** Does what an opcode would; false where its reader would give up. */
  step(code: number, opcode: Opcode): boolean {
    const frame = this.#frames.at(-1) ?? []
    if (code === codes.mark) this.#frames.push([])
    else if (code === codes.stop) {
      const ends = frame.length > 0
      this.#frames = [[]]
      return ends
    } else if (code === codes.pop && frame.length === 0) return this.#dropMark()
    else if (opcode.toMark) {
      if (!this.#dropMark()) return false
      this.#frames.at(-1)?.push(...opcode.gives)
    } else {
      if (!takesFrom(frame, opcode.takes)) return false
      frame.push(...opcode.gives)
    }
    return true
  }

  #dropMark(): boolean {
    if (this.#frames.length === 1) return false
    this.#frames.pop()
    return true
  }
}

const takesFrom = (frame: Kind[], wanted: readonly Kind[]): boolean => {
  if (frame.length < wanted.length) return false
  const taken = frame.splice(frame.length - wanted.length)
  return wanted.every((kind, index) => kind === 'any' || taken[index] === 'any' || taken[index] === kind)
}
